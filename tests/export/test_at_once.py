"""A model whose layers make much of a little gets few pictures at a time."""

import keras
import numpy as np
import pytest
from keras import layers

from export.at_once import MAX_BYTES, pictures_at_once
from export.keras_model import scores
from runtime.preprocess import Preprocessing
from train.backbones import BACKBONES
from train.model import build_model
from train.options import TrainOptions
from train.settings import settle


def widening(repeats: int) -> keras.Model:
    pixels = keras.Input((4, 4, 3))
    repeated = layers.RepeatVector(repeats)(layers.GlobalAveragePooling2D()(pixels))
    return keras.Model(pixels, layers.Dense(2, "softmax")(layers.GlobalMaxPooling1D()(repeated)))


def test_common_networks_take_a_whole_batch() -> None:
    assert (
        pictures_at_once(
            build_model(BACKBONES["efficientnet-lite0"], Preprocessing(224, 224), 10, settle(TrainOptions(weights="none"))), 32
        )
        == 32
    )


def test_a_small_file_that_asks_for_much_takes_one() -> None:
    assert pictures_at_once(widening(MAX_BYTES // 36), 32) == 1


def test_the_scores_are_the_same_however_many_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (7, 4, 4, 3)).astype(np.uint8)
    model = widening(1000)
    monkeypatch.setattr("export.at_once.MAX_BYTES", 3 * 36 * 1000)
    assert pictures_at_once(model, 7) == 3
    np.testing.assert_allclose(scores(model, pixels), model.predict_on_batch(pixels.astype(np.float32)), atol=1e-6)
