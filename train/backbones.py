"""The backbones by name: a row says how to build one, how its input is normalised, and where its weights come from."""

from dataclasses import dataclass

from runtime.plugins import Plugin


@dataclass(frozen=True)
class Backbone:
    """One row.

    build: loads a function from a normalised float tensor (batch, height, width, 3) to a feature map, given by name.
    weights: loads a function that puts pretrained weights into a model built on it; None trains from scratch.
    mean, std: the model computes (pixel - mean) / std from RGB pixels in 0..255.
    input_size: the side it was trained at, in pixels.
    thaw_after: the layer whose output is the border between what stays frozen and what is fine-tuned.
    """

    build: Plugin
    weights: Plugin | None
    mean: float
    std: float
    input_size: int
    thaw_after: str | None


BACKBONES = {
    "efficientnet-lite0": Backbone(
        build=Plugin("train.efficientnet_lite:efficientnet_lite", extra="train"),
        weights=Plugin("train.efficientnet_lite:load_imagenet_weights", extra="train"),
        mean=127,
        std=128,
        input_size=224,
        thaw_after="block7_add",
    ),
    "efficientnet-lite1": Backbone(
        build=Plugin("train.efficientnet_lite1:efficientnet_lite1", extra="train"),
        weights=Plugin("train.efficientnet_lite1:load_imagenet_weights", extra="train"),
        mean=127,
        std=128,
        input_size=240,
        thaw_after="block10_add",
    ),
    "mobilenet-v2": Backbone(
        build=Plugin("train.mobilenet:mobilenet_v2", extra="train"), weights=None, mean=127, std=128, input_size=224, thaw_after=None
    ),
    "mobilenet-v3-small": Backbone(
        build=Plugin("train.mobilenet:mobilenet_v3_small", extra="train"), weights=None, mean=127, std=128, input_size=224, thaw_after=None
    ),
    "simple-cnn": Backbone(
        build=Plugin("train.simple_cnn:simple_cnn", extra="train"), weights=None, mean=127, std=128, input_size=96, thaw_after=None
    ),
}
