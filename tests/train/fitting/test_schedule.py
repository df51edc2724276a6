"""Which part of a network learns in which stage, for how long and at which rate."""

from collections.abc import Callable

import keras
import pytest

from runtime.errors import InputRefused
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.fitting.schedule import FLATTEN, INPUT, POOL, Stage, backbone_blocks, training_stages


@pytest.fixture(scope="module")
def model(build: Callable[..., keras.Model]) -> keras.Model:
    return build(TrainOptions())


def _stages(model: keras.Model, options: TrainOptions) -> tuple[Stage, ...]:
    return training_stages(model, resolve_options(options))


def test_stages_are_head_then_last_blocks_at_their_own_rates(model: keras.Model) -> None:
    options = TrainOptions(rate=1e-4, head_rate=1e-2, epochs=3, head_epochs=2)
    head, fine_tune = _stages(model, options)
    assert (head.boundary, head.rate, head.epochs, head.batch_norm) == (POOL, 1e-2, 2, False)
    assert (fine_tune.boundary, fine_tune.rate) == ("block7_add", 1e-4)
    assert (fine_tune.epochs, fine_tune.batch_norm) == (3, False)


@pytest.mark.parametrize(
    ("head_epochs", "epochs", "names"), [(0, 3, ["fine-tune"]), (3, 0, ["head"])]
)
def test_stage_of_no_epochs_is_left_out(
    model: keras.Model, head_epochs: int, epochs: int, names: list[str]
) -> None:
    stages = _stages(model, TrainOptions(head_epochs=head_epochs, epochs=epochs))
    assert [stage.name for stage in stages] == names


@pytest.mark.parametrize(
    ("thaw", "boundary"),
    [(1, "block14_add"), (2, "block13_add"), (None, "block7_add"), (16, INPUT), ("all", INPUT)],
)
def test_thaw_is_the_number_of_last_blocks(model: keras.Model, thaw, boundary: str) -> None:
    assert _stages(model, TrainOptions(thaw=thaw))[-1].boundary == boundary


def test_more_blocks_than_there_are_is_refused(model: keras.Model) -> None:
    with pytest.raises(InputRefused, match="at most the backbone's 16 blocks, found 17"):
        _stages(model, TrainOptions(thaw=17))


def test_blocks_are_named_by_their_last_layers(model: keras.Model) -> None:
    blocks = backbone_blocks(model, resolve_options(TrainOptions()))
    assert len(blocks) == 16
    assert blocks[-2:] == ("block14_add", "head_relu")


@pytest.mark.parametrize(
    ("epochs", "thaw", "averaged", "boundary"),
    [(1, None, 9, "block6_add"), (1, "all", 15, INPUT), (1, 15, 15, INPUT), (0, None, 15, POOL)],
)
def test_head_sees_blocks_from_the_last_frozen_one_on_without_the_last(
    build: Callable[..., keras.Model], epochs: int, thaw, averaged: int, boundary: str
) -> None:
    options = TrainOptions(features="blocks", epochs=epochs, thaw=thaw)
    model = build(options)
    assert len(model.get_layer(POOL).input) == averaged
    assert _stages(model, options)[-1].boundary == boundary
    blocks = backbone_blocks(model, resolve_options(options))
    assert (len(blocks), blocks[-1]) == (15, "block14_add")
    assert "head_conv" not in {layer.name for layer in model.layers}


def test_article_trains_its_flattened_head_and_then_the_last_block_too(
    build: Callable[..., keras.Model],
) -> None:
    options = TrainOptions(recipe="article")
    head, fine_tune = _stages(build(options), options)
    assert (head.boundary, fine_tune.boundary) == (FLATTEN, "block14_add")


def test_backbone_without_weights_learns_everything_at_once(
    build: Callable[..., keras.Model], small: TrainOptions
) -> None:
    (stage,) = _stages(build(small), small)
    assert (stage.epochs, stage.rate, stage.batch_norm) == (4, small.head_rate, True)
