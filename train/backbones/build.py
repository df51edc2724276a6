"""Builds a backbone on the pixels of a model, after the normalization that it wants."""

import inspect

import keras
import numpy as np
from keras import layers

from runtime.models.normalization import TORCH, Normalization
from train.backbones.registry import Backbone

NORMALIZE = "normalize"


def normalize(pixels: keras.KerasTensor, normalization: Normalization | None) -> keras.KerasTensor:
    """Normalizes pixels 0..255, float (batch, height, width, channels).

    None leaves them as they are. Grey pixels get the mean of the three means and stds. The
    Rescaling layer sees red first, so for a BGR network its numbers are in reverse order and the
    channels are flipped after it.
    """
    if normalization is None:
        return pixels
    if pixels.shape[-1] == 1:
        normalization = grey_normalization(normalization)
    scale = [1 / std for std in normalization.std]
    offset = [-mean / std for mean, std in zip(normalization.mean, normalization.std, strict=True)]
    if normalization.bgr:
        scale, offset = scale[::-1], offset[::-1]
    if len(scale) == 1:
        rescale = layers.Rescaling(scale[0], offset[0], name=NORMALIZE)
    else:
        rescale = layers.Rescaling(scale, offset, name=NORMALIZE)
    x = rescale(pixels)
    return keras.ops.flip(x, axis=-1) if normalization.bgr else x


def grey_normalization(normalization: Normalization) -> Normalization:
    """Returns the normalization of grey pixels that is nearest to one of RGB pixels."""
    return Normalization(
        (sum(normalization.mean) / len(normalization.mean),),
        (sum(normalization.std) / len(normalization.std),),
    )


def build_network(
    inputs: keras.KerasTensor, backbone: Backbone, width: float = 1.0, depthwise: bool = True
) -> keras.KerasTensor:
    """Builds `backbone` with fresh weights on normalized `inputs`; returns its feature map.

    Its layers are part of the graph of `inputs`, not of an inner model.

    depthwise: replace convolutions that have as many groups as channels (ConvNeXt). Without it the
        weights have the shapes of keras.applications.
    """
    build = backbone.network.load()
    if not backbone.application:
        features: keras.KerasTensor = build(inputs)
        return features
    network = build(
        input_tensor=inputs, include_top=False, weights=None, **application_options(backbone, width)
    )
    if backbone.normalization is None:
        _normalize_inside(network)
    if depthwise and any(map(is_grouped, network.layers)):
        return network._run_through_graph(network.input, operation_fn=_depthwise_copy)
    return network.output


def is_grouped(operation: keras.Operation) -> bool:
    """Tells whether this is a convolution in groups."""
    return isinstance(operation, layers.Conv2D) and operation.groups > 1


def _depthwise_copy(operation: keras.Operation) -> keras.Operation:
    """Copies an operation, a convolution with one group per channel as a DepthwiseConv2D.

    TensorFlow runs groups on a processor through XLA, where one training step of ConvNeXt-Tiny did
    not end in 350 s.
    """
    config = operation.get_config()
    if not is_grouped(operation):
        return type(operation).from_config(config)
    names = ("name", "kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias")
    return layers.DepthwiseConv2D(**{name: config[name] for name in names})


def application_options(backbone: Backbone, width: float) -> dict[str, object]:
    """Returns the arguments that only some functions of keras.applications have.

    They set the width, and leave the normalization to `normalize`.
    """
    options: dict[str, object] = {}
    if backbone.widths:
        options["alpha"] = width
    if "include_preprocessing" in inspect.signature(backbone.network.load()).parameters:
        options["include_preprocessing"] = False
    return options


def _normalize_inside(network: keras.Model) -> None:
    """Sets the mean and std that EfficientNet was trained with in its own Normalization layer.

    Without weights it only divides pixels by 255. Keras' ImageNet weights put the root of the std
    there and a Rescaling by that root after it, which is the same.
    """
    layer = next(layer for layer in network.layers if isinstance(layer, layers.Normalization))
    normalization = grey_normalization(TORCH) if network.input_shape[-1] == 1 else TORCH
    mean, std = np.array(normalization.mean) / 255, np.array(normalization.std) / 255
    layer.set_weights([mean, std**2, *layer.get_weights()[2:]])
    layer.finalize_state()
