"""Backbones without pretrained weights are built on grey pixels, with one mean and std."""

import keras
import numpy as np
import pytest

from train.backbones.build import build_network, grey_normalization, normalize
from train.backbones.registry import find_backbone


@pytest.mark.parametrize("name", ["simple-cnn", "efficientnet-lite0", "mobilenet-v2", "vgg16"])
def test_a_network_takes_one_channel(name: str) -> None:
    backbone = find_backbone(name)
    pixels = keras.Input((32, 32, 1))
    features = build_network(normalize(pixels, backbone.normalization), backbone)
    model = keras.Model(pixels, features)
    assert np.isfinite(model(np.full((1, 32, 32, 1), 127, np.float32), training=False)).all()


def test_a_network_that_normalizes_by_itself_has_one_mean() -> None:
    pixels = keras.Input((32, 32, 1))
    backbone = find_backbone("efficientnet-b0")
    model = keras.Model(pixels, build_network(normalize(pixels, None), backbone))
    (layer,) = [layer for layer in model.layers if isinstance(layer, keras.layers.Normalization)]
    assert np.asarray(layer.mean).shape[-1] == 1


def test_grey_pixels_get_the_mean_of_the_colours() -> None:
    normalization = find_backbone("vgg16").normalization
    assert normalization is not None
    grey = grey_normalization(normalization)
    assert grey.mean == pytest.approx((sum(normalization.mean) / 3,))
    assert (grey.std, grey.bgr) == ((1.0,), False)
