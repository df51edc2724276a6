"""What is tuned, and between which bounds."""

from itertools import product

import pytest

from train.options import TrainOptions
from train.recipes import RECIPES
from train.settings import settle
from train.space import TUNABLE, Dimension, space


def _space(options: TrainOptions, tuned=TUNABLE, blocks: int = 17) -> dict[str, Dimension]:
    return {one.name: one for one in space(options, settle(options), tuned, blocks)}


@pytest.mark.parametrize(("recipe", "backbone"), list(product(RECIPES, ["efficientnet-lite0", "vgg16", "resnet50"])))
def test_defaults_lie_within_and_on_a_step(recipe, backbone: str) -> None:
    found = _space(TrainOptions(backbone=backbone, recipe=recipe))
    assert tuple(found) == TUNABLE
    for one in found.values():
        assert one.low <= one.default <= one.high
        if one.step:
            steps = (one.default - one.low) / one.step
            assert steps == pytest.approx(round(steps))
        assert one.value(one.default) == one.default
    assert all(TrainOptions(**{name: one.value(edge)}) for name, one in found.items() for edge in (one.low, one.high))


@pytest.mark.parametrize("blocks", [2, 3, 5, 17])
def test_no_more_blocks_are_thawed_than_there_are(blocks: int) -> None:
    thaw = _space(TrainOptions(backbone="vgg16"), blocks=blocks)["thaw"]
    assert 1 <= thaw.low <= thaw.default <= thaw.high <= blocks


def test_what_would_have_no_effect_or_is_given_is_not_tuned() -> None:
    assert set(_space(TrainOptions(backbone="simple-cnn"))) == {"head_rate", "dropout", "augment"}
    assert set(_space(TrainOptions(epochs=0))) == {"head_rate", "dropout", "augment"}
    assert set(_space(TrainOptions(head_epochs=0))) == set(TUNABLE) - {"head_rate"}
    assert set(_space(TrainOptions(thaw="all"))) == set(TUNABLE) - {"thaw"}
    assert set(_space(TrainOptions(), tuned=("dropout",))) == {"dropout"}


def test_values_are_what_a_command_line_can_say() -> None:
    rate = Dimension("rate", 4e-5, 4e-3, 4e-4)
    assert rate.value(0.00123456789) == 0.00123
    assert Dimension("dropout", 0.0, 0.7, 0.2, 0.05).value(0.05 * 3) == 0.15
    assert isinstance(Dimension("thaw", 4, 16, 8, 4).value(8.0), int)
