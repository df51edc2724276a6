"""Which options are tuned, and between which bounds."""

from itertools import product

import pytest

from train.configuration.options import TrainOptions
from train.configuration.recipes import RECIPES
from train.configuration.resolved_options import resolve_options
from train.tuning.search_space import TUNABLE, Dimension, search_space


def _space(options: TrainOptions, tuned=TUNABLE, blocks: int = 17) -> dict[str, Dimension]:
    dimensions = search_space(resolve_options(options), tuned, blocks)
    return {dimension.name: dimension for dimension in dimensions}


@pytest.mark.parametrize(
    ("recipe", "backbone"), list(product(RECIPES, ["efficientnet-lite0", "vgg16", "resnet50"]))
)
def test_defaults_lie_within_and_on_a_step(recipe, backbone: str) -> None:
    space = _space(TrainOptions(backbone=backbone, recipe=recipe))
    without = {"article": set(), "quince": {"head_rate", "hidden"}}
    assert set(space) == set(TUNABLE) - without[recipe]
    for dimension in space.values():
        assert dimension.low <= dimension.default <= dimension.high
        if dimension.step:
            steps = (dimension.default - dimension.low) / dimension.step
            assert steps == pytest.approx(round(steps))
        assert dimension.value(dimension.default) == dimension.default
    assert all(
        TrainOptions(**{name: dimension.value(edge)})
        for name, dimension in space.items()
        for edge in (dimension.low, dimension.high)
    )


@pytest.mark.parametrize("blocks", [2, 3, 5, 17])
def test_no_more_blocks_are_thawed_than_there_are(blocks: int) -> None:
    thaw = _space(TrainOptions(backbone="vgg16"), blocks=blocks)["thaw"]
    assert 1 <= thaw.low <= thaw.default <= thaw.high <= blocks


def test_options_without_effect_or_set_by_the_user_are_not_tuned() -> None:
    assert set(_space(TrainOptions(backbone="simple-cnn"))) == {"head_rate", "momentum", "dropout"}
    assert set(_space(TrainOptions(epochs=0))) == {"dropout"}, "a solved head has no rate"
    ours = set(TUNABLE) - {"hidden"}
    assert set(_space(TrainOptions(head_epochs=2))) == ours
    assert set(_space(TrainOptions(head_epochs=0))) == ours - {"head_rate"}
    assert set(_space(TrainOptions(thaw="all"))) == ours - {"head_rate", "thaw"}
    assert set(_space(TrainOptions(), tuned=("dropout",))) == {"dropout"}


def test_a_choice_takes_its_first_value_by_default() -> None:
    choices = {"backbone": ("efficientnet-lite1", "efficientnet-lite0")}
    *_, choice = search_space(resolve_options(TrainOptions()), (), 17, choices)
    assert (choice.name, choice.default) == ("backbone", "efficientnet-lite1")


def test_values_are_short_enough_for_a_command_line() -> None:
    rate = Dimension("rate", 4e-5, 4e-3, 4e-4)
    assert rate.value(0.00123456789) == 0.00123
    assert Dimension("dropout", 0.0, 0.7, 0.2, 0.05).value(0.05 * 3) == 0.15
    assert isinstance(Dimension("thaw", 4, 16, 8, 4).value(8.0), int)
