"""Tests EfficientNet-Lite0 with its ImageNet weights on published values and real photos."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing, preprocess
from train.backbones.build import normalize
from train.backbones.efficientnet_lite import (
    efficientnet_lite,
    load_imagenet_weights,
    load_lite_weights,
)
from train.backbones.registry import BACKBONES
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.fitting.classifier_model import build_model

BANANA, ORANGE, LEMON = 954, 950, 951
"""Of the 1,000 classes of ImageNet."""


@pytest.fixture(scope="module")
def imagenet_model() -> keras.Model:
    row = BACKBONES["efficientnet-lite0"]
    pixels = keras.Input((224, 224, 3))
    x = efficientnet_lite(normalize(pixels, row.normalization))
    model = keras.Model(
        pixels, layers.Dense(1000, name="logits")(layers.GlobalAveragePooling2D()(x))
    )
    load_imagenet_weights(model)
    return model


def _ranked(model: keras.Model, files: list[Path]) -> np.ndarray:
    """Returns (n, 1000) classes of each image, the most probable first."""
    pixels = np.stack([preprocess(file, Preprocessing(224, 224)) for file in files]).astype(
        np.float32
    )
    return np.asarray(model.predict_on_batch(pixels)).argsort(1)[:, ::-1]


def test_has_the_published_number_of_parameters(imagenet_model) -> None:
    assert (
        sum(int(np.prod(weight.shape)) for weight in imagenet_model.trainable_weights) == 4_652_008
    )


def test_sees_bananas_as_bananas(imagenet_model, grocery: Path) -> None:
    files = sorted((grocery / "test" / "Banana").iterdir())[:10]
    ranked = _ranked(imagenet_model, files)
    assert ranked[files.index(grocery / "test/Banana/Banana_004.jpg"), 0] == BANANA
    assert (ranked[:, 0] == BANANA).sum() >= 8


def test_sees_oranges_as_oranges_and_takes_them_for_nothing_but_a_neighbour(
    imagenet_model, grocery: Path
) -> None:
    files = sorted((grocery / "test" / "Orange").iterdir())[:10]
    ranked = _ranked(imagenet_model, files)
    assert ranked[files.index(grocery / "test/Orange/Orange_006.jpg"), 0] == ORANGE
    assert (ranked[:, :2] == ORANGE).any(1).sum() >= 8, (
        "orange is first or second, mostly after lemon or grocery store"
    )
    assert (ranked[:, :5] == ORANGE).any(1).all()


def test_tells_a_lemon_from_an_orange(imagenet_model, grocery: Path) -> None:
    ranked = _ranked(imagenet_model, sorted((grocery / "test" / "Lemon").iterdir())[:10])
    assert (ranked[:, 0] == LEMON).sum() >= 6


def test_model_starts_with_that_normalization_and_the_imagenet_weights(imagenet_model) -> None:
    model = build_model(
        BACKBONES["efficientnet-lite0"], Preprocessing(32, 32), 3, resolve_options(TrainOptions())
    )
    rescaling = model.layers[1]
    assert isinstance(rescaling, layers.Rescaling)
    assert (rescaling.scale, rescaling.offset) == (1 / 128, -127 / 128)
    for layer in imagenet_model.layers:
        if layer.weights and layer.name != "logits":
            for ours, theirs in zip(
                model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
            ):
                assert np.array_equal(ours, theirs), layer.name
    assert model.output_shape == (None, 3)


def test_unpretrained_model_has_other_weights() -> None:
    model = build_model(
        BACKBONES["efficientnet-lite0"],
        Preprocessing(32, 32),
        3,
        resolve_options(TrainOptions(weights="none")),
    )
    assert np.array_equal(model.get_layer("stem_bn").get_weights()[2], np.zeros(32)), (
        "running means nobody trained"
    )


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    pixels = keras.Input((32, 32, 3))
    model = keras.Model(pixels, layers.Conv2D(8, 3, name="stem_conv", use_bias=False)(pixels))
    with pytest.raises(InputRefused, match="does not fit layer stem_conv"):
        load_imagenet_weights(model)
    with pytest.raises(InputRefused, match="No such file"):
        load_lite_weights(model, tmp_path / "none.pth")
