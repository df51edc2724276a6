"""MobileNetV2 and MobileNetV3-Small as Keras has them (keras.applications), without weights: trained from scratch."""

import keras

MOMENTUM = 0.9
"""Of BatchNorm's moving averages. Keras has 0.999 there, for a training of ImageNet's length: after the thousand steps of a small data
set they would still be far from what the network sees."""


def mobilenet_v2(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Normalised float inputs (batch, height, width, 3) -> (batch, height/32, width/32, 1280)."""
    return _features(keras.applications.MobileNetV2(input_tensor=inputs, include_top=False, weights=None))


def mobilenet_v3_small(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Normalised float inputs (batch, height, width, 3) -> (batch, height/32, width/32, 576)."""
    return _features(keras.applications.MobileNetV3Small(input_tensor=inputs, include_top=False, weights=None, include_preprocessing=False))


def _features(network: keras.Model) -> keras.KerasTensor:
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return network.output
