"""Checks that a model with huge layer outputs gets few images at a time."""

import keras
import numpy as np
import pytest
from keras import layers

from export.graph.batch_size import MAX_BYTES, safe_batch_size
from export.inputs.keras_loader import scores
from runtime.images.preprocessing import Preprocessing
from train.backbones.registry import BACKBONES
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.fitting.classifier_model import build_model


def widening(repeats: int) -> keras.Model:
    pixels = keras.Input((4, 4, 3))
    repeated = layers.RepeatVector(repeats)(layers.GlobalAveragePooling2D()(pixels))
    return keras.Model(pixels, layers.Dense(2, "softmax")(layers.GlobalMaxPooling1D()(repeated)))


def test_common_networks_take_a_whole_batch() -> None:
    options = resolve_options(TrainOptions(weights="none"))
    model = build_model(BACKBONES["efficientnet-lite0"], Preprocessing(224, 224), 10, options)
    assert safe_batch_size(model, 32) == 32


def test_a_small_file_with_huge_layer_outputs_takes_one_image() -> None:
    assert safe_batch_size(widening(MAX_BYTES // 36), 32) == 1


def test_the_batch_size_does_not_change_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (7, 4, 4, 3)).astype(np.uint8)
    model = widening(1000)
    monkeypatch.setattr("export.graph.batch_size.MAX_BYTES", 3 * 36 * 1000)
    assert safe_batch_size(model, 7) == 3
    np.testing.assert_allclose(
        scores(model, pixels), model.predict_on_batch(pixels.astype(np.float32)), atol=1e-6
    )
