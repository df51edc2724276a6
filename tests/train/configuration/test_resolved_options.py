"""Tests the defaults of open options, and the options that contradict each other."""

import pytest

from runtime.errors import InputRefused
from train.configuration.options import TrainOptions
from train.configuration.recipes import RECIPES
from train.configuration.resolved_options import resolve_options


def test_recipe_fills_what_is_open() -> None:
    settings = resolve_options(TrainOptions(recipe="article", backbone="vgg16"))
    assert (settings.dropout, settings.thaw, settings.hidden, settings.weights) == (
        0.5,
        1,
        519,
        "imagenet",
    )
    assert (settings.head_rate, settings.rate) == (
        RECIPES["article"].head_rate,
        RECIPES["article"].rate,
    )
    assert settings.rate < RECIPES["quince"].rate


def test_what_is_given_stays_zero_too() -> None:
    options = TrainOptions(
        recipe="article", dropout=0.0, thaw="all", epochs=0, head_epochs=1, rate=0.0, head_rate=0.5
    )
    settings = resolve_options(options)
    assert (settings.dropout, settings.thaw, settings.epochs, settings.head_epochs) == (
        0.0,
        "all",
        0,
        1,
    )
    assert (settings.rate, settings.head_rate) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("backbone", "weights", "thaw"),
    [("efficientnet-lite0", "imagenet", 8), ("simple-cnn", "none", 1)],
)
def test_backbone_fills_weights_and_blocks(backbone: str, weights: str, thaw: int) -> None:
    settings = resolve_options(TrainOptions(backbone=backbone))
    assert (settings.weights, settings.thaw, settings.hidden) == (weights, thaw, None)


@pytest.mark.parametrize(
    ("options", "flag", "reason"),
    [
        ({"backbone": "simple-cnn", "weights": "imagenet"}, "--weights", "efficientnet-lite0"),
        ({"backbone": "mobilenet-v2", "weights": "none", "thaw": 2}, "--thaw", "trained at once"),
        ({"hidden": 64}, "--hidden", "recipe article"),
        ({"features": "blocks", "weights": "none"}, "--features", "from scratch"),
        ({"features": "blocks", "recipe": "article"}, "--features", "recipe article"),
        ({"backbone": "vgg16", "width_factor": 0.5}, "--width-factor", "mobilenet-v2"),
        ({"backbone": "mobilenet-v2", "width_factor": 0.6}, "--width-factor", "0.35, 0.5, 0.75"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, flag: str, reason: str) -> None:
    with pytest.raises(InputRefused, match=reason) as caught:
        resolve_options(TrainOptions(**options))
    assert caught.value.thing == flag


@pytest.mark.parametrize(
    "options", [{"thaw": 0}, {"thaw": -1}, {"width_factor": 0.0}, {"recipe": "cake"}]
)
def test_options_out_of_range_are_refused(options) -> None:
    with pytest.raises(InputRefused, match="found"):
        TrainOptions(**options)
