"""The MobileNets: flat, on inputs normalised outside, with moving averages that a short training settles."""

import keras
import pytest

from train.backbones import BACKBONES


@pytest.mark.parametrize(("name", "channels"), [("mobilenet-v2", 1280), ("mobilenet-v3-small", 576)])
def test_features_are_of_the_input_and_have_nothing_nested(name: str, channels: int) -> None:
    inputs = keras.Input((64, 64, 3))
    features = BACKBONES[name].build.load()(inputs)
    assert features.shape == (None, 2, 2, channels)
    model = keras.Model(inputs, features)
    assert not [layer for layer in model.layers if isinstance(layer, keras.Model | keras.layers.Rescaling)]
    momenta = {layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert momenta == {0.9}
