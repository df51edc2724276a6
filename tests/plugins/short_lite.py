"""Makes a pretrained network that TensorFlow compiles sooner than Lite0.

It is the first five of the 16 blocks of EfficientNet-Lite0 with their weights, and its last
convolution with random ones. Tests that ask how any pretrained network is trained take it.
"""

import keras

from runtime.system.lazy_loading import LazyObject
from train.backbones.efficientnet_lite import LITE0, efficientnet_lite, load_imagenet_weights
from train.backbones.registry import EXTRA, LITE, Backbone

NAME, GROUPS, LAST = "short-lite", LITE0[:3], "block4_add"


def build(inputs: keras.KerasTensor) -> keras.KerasTensor:
    return efficientnet_lite(inputs, GROUPS)


def load(model: keras.Model) -> None:
    load_imagenet_weights(keras.Model(model.input, model.get_layer(LAST).output))


BACKBONE = Backbone(
    LazyObject(f"{__name__}:build", EXTRA), LazyObject(f"{__name__}:load", EXTRA), LITE, 224, thaw=2
)
