"""A small plain convolutional network, trained from scratch: 25,000 parameters, for easy pictures and for learning how it works."""

import keras
from keras import layers

FILTERS = (16, 24, 32, 48)


def simple_cnn(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Normalised float inputs (batch, height, width, 3) -> (batch, height/16, width/16, 48)."""
    x = inputs
    for number, filters in enumerate(FILTERS):
        x = layers.Conv2D(filters, 3, 2, "same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
    return x
