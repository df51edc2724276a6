"""Builds the classifier, one flat Keras model on pixels in 0..255."""

import keras
from keras import layers

from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing
from train.backbones.blocks import block_ends
from train.backbones.build import build_network, normalize
from train.backbones.pretrained_weights import load_pretrained
from train.backbones.registry import Backbone
from train.configuration.resolved_options import ResolvedOptions
from train.fitting.schedule import FLATTEN, INPUT, LAST_POOL, POOL

BATCH_NORM_MOMENTUM = 0.9
"""The momentum of BatchNorm's moving averages in a network without pretrained weights.

Keras' networks use up to 0.999, which suits a training of the length of ImageNet's. After the
thousand steps of a small data set those averages would still be far from the data.
"""


def build_model(
    backbone: Backbone, preprocessing: Preprocessing, classes: int, settings: ResolvedOptions
) -> keras.Model:
    """Returns a model from (n, height, width, channels) float pixels 0..255 to probabilities.

    They are (n, classes). The channels are RGB or grey. Its first layers normalize the pixels. A
    single class has a sigmoid, because a softmax of one number is always 1.

    Raises:
        InputRefused: the weights file does not fit, or the images are too small for the backbone.
        MachineError: the weights cannot be fetched, or the package that holds them is missing.
    """
    if min(preprocessing.height, preprocessing.width) < backbone.min_input_size:
        raise InputRefused(
            "--input-size",
            f"expected at least {backbone.min_input_size} pixels for this backbone, "
            f"found {preprocessing.width}x{preprocessing.height}",
        )
    pixels = keras.Input(preprocessing.shape, name=INPUT)
    features = build_network(normalize(pixels, backbone.normalization), backbone, settings.width)
    base = keras.Model(pixels, features)
    if settings.pretrained:
        load_pretrained(base, backbone, settings.weights_file, settings.width)
    else:
        for layer in base.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = BATCH_NORM_MOMENTUM
    return keras.Model(pixels, _head(base, classes, settings))


def _head(base: keras.Model, classes: int, settings: ResolvedOptions) -> keras.KerasTensor:
    if settings.hidden:
        x = layers.Flatten(name=FLATTEN)(base.output)
        x = layers.Dense(settings.hidden, activation="relu", name="hidden")(x)
    elif settings.features == "blocks":
        x = _block_averages(base, settings)
    else:
        x = layers.GlobalAveragePooling2D(name=POOL)(base.output)
    x = layers.Dropout(settings.dropout, name="dropout")(x)
    activation = "softmax" if classes > 1 else "sigmoid"
    return layers.Dense(classes, activation=activation, name="scores")(x)


def _block_averages(base: keras.Model, settings: ResolvedOptions) -> keras.KerasTensor:
    """Returns the averages of the outputs of all blocks but the last, which is left out.

    If blocks are to be thawed, the first is the last block that is not: a stage has one input.
    """
    ends = block_ends(base)[:-1]
    if settings.epochs and settings.thaw != "all":
        ends = ends[-settings.thaw - 1 :]
    if not ends:
        raise InputRefused("--features", "expected last for a backbone of one block, found blocks")
    averages = [
        layers.GlobalAveragePooling2D(name=f"{POOL}_{end}")(base.get_layer(end).output)
        for end in ends[:-1]
    ]
    last = layers.GlobalAveragePooling2D(name=LAST_POOL)(base.get_layer(ends[-1]).output)
    return layers.Concatenate(name=POOL)([*averages, last])
