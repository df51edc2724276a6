"""MobileNetV2 and MobileNetV3-Small as Keras has them (keras.applications), without weights: trained from scratch."""

import keras


def mobilenet_v2(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Normalised float inputs (batch, height, width, 3) -> (batch, height/32, width/32, 1280)."""
    return keras.applications.MobileNetV2(input_tensor=inputs, include_top=False, weights=None).output


def mobilenet_v3_small(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Normalised float inputs (batch, height, width, 3) -> (batch, height/32, width/32, 576)."""
    network = keras.applications.MobileNetV3Small(input_tensor=inputs, include_top=False, weights=None, include_preprocessing=False)
    return network.output
