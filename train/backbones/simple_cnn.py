"""Builds a small convolutional network with 25,000 parameters, which is trained from scratch.

It is for easy images, and for learning how training works.
"""

import keras
from keras import layers

FILTERS = (16, 24, 32, 48)


def simple_cnn(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Builds the network on normalized float inputs (batch, height, width, 3).

    Returns features (batch, height/16, width/16, 48).
    """
    x = inputs
    for number, filters in enumerate(FILTERS):
        x = layers.Conv2D(filters, 3, 2, "same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
    return x
