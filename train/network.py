"""Builds a backbone on the pixels of a model, its normalisation before it."""

import inspect

import keras
import numpy as np
from keras import layers

from train.backbones import Backbone
from train.normalisation import IMAGENET_MEAN, IMAGENET_STD, Normalisation

NORMALISE = "normalise"


def normalise(pixels: keras.KerasTensor, how: Normalisation) -> keras.KerasTensor:
    """RGB pixels 0..255, float (batch, height, width, 3), as the network takes them; unchanged where it normalises them itself."""
    if how.inside:
        return pixels
    scale, offset = [1 / std for std in how.std], [-mean / std for mean, std in zip(how.mean, how.std, strict=True)]
    one_for_all = len(scale) == 1
    x = layers.Rescaling(scale[0] if one_for_all else scale, offset[0] if one_for_all else offset, name=NORMALISE)(pixels)
    return keras.ops.flip(x, axis=-1) if how.bgr else x


def build_network(inputs: keras.KerasTensor, backbone: Backbone, width: float = 1.0) -> keras.KerasTensor:
    """The feature map that `backbone`, with fresh weights, makes of inputs normalised for it; its layers stand flat in the graph."""
    build = backbone.network.load()
    if not backbone.application:
        features: keras.KerasTensor = build(inputs)
        return features
    network = build(input_tensor=inputs, include_top=False, weights=None, **application_options(backbone, width))
    if backbone.normalisation.inside:
        _normalise_inside(network)
    return network.output


def application_options(backbone: Backbone, width: float) -> dict[str, object]:
    """The arguments that only some functions of keras.applications have: the width, and that normalisation is left to us."""
    known = inspect.signature(backbone.network.load()).parameters
    options: dict[str, object] = {"alpha": width} if backbone.widths else {}
    return {**options, "include_preprocessing": False} if "include_preprocessing" in known else options


def _normalise_inside(network: keras.Model) -> None:
    """EfficientNet without weights only divides pixels by 255; its Normalization gets the mean and std it was trained with.

    Keras' ImageNet weights put the root of the std there and a Rescaling by that root behind it, which is the same.
    """
    layer = next(layer for layer in network.layers if isinstance(layer, layers.Normalization))
    mean, std = np.array(IMAGENET_MEAN) / 255, np.array(IMAGENET_STD) / 255
    layer.set_weights([mean, std**2, *layer.get_weights()[2:]])
    layer.finalize_state()
