"""Builds the classifier, one flat Keras model on RGB pixels in 0..255, and the augmentation.

The augmentation is a model of its own, so it is not part of a saved classifier.
"""

import keras
from keras import layers

from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing
from train.backbones.build import build_network, normalize
from train.backbones.pretrained_weights import load_pretrained
from train.backbones.registry import Backbone
from train.configuration.options import Flip
from train.configuration.resolved_options import ResolvedOptions
from train.fitting.schedule import FLATTEN, INPUT, POOL

FLIPS: dict[Flip, tuple[str, ...]] = {
    "none": (),
    "horizontal": ("horizontal",),
    "both": ("horizontal", "vertical"),
}
"""The RandomFlip layers of each option.

Keras' own "horizontal_and_vertical" draws once for both directions, so it only ever turns an image
by 180 degrees (Keras 3.15).
"""

BATCH_NORM_MOMENTUM = 0.9
"""The momentum of BatchNorm's moving averages in a network without pretrained weights.

Keras' networks use up to 0.999, which suits a training of the length of ImageNet's. After the
thousand steps of a small data set those averages would still be far from the data.
"""


def build_model(
    backbone: Backbone, preprocessing: Preprocessing, classes: int, settings: ResolvedOptions
) -> keras.Model:
    """Returns a model from (n, height, width, channels) float pixels 0..255 to probabilities.

    They are (n, classes). The channels are RGB or grey. Its first layers normalize the pixels.

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
    return keras.Model(pixels, _head(features, classes, settings))


def _head(
    features: keras.KerasTensor, classes: int, settings: ResolvedOptions
) -> keras.KerasTensor:
    if settings.hidden:
        x = layers.Flatten(name=FLATTEN)(features)
        x = layers.Dense(settings.hidden, activation="relu", name="hidden")(x)
    else:
        x = layers.GlobalAveragePooling2D(name=POOL)(features)
    x = layers.Dropout(settings.dropout, name="dropout")(x)
    return layers.Dense(classes, activation="softmax", name="scores")(x)


def build_augmentation(flip: Flip, strength: float, seed: int) -> keras.Sequential:
    """Returns random changes of (n, height, width, 3) float images in 0..255, RGB or grey.

    At strength 1 an image is turned by up to 18 degrees, shifted and scaled by up to a tenth of its
    size, and its brightness and contrast change by up to a tenth of the range.
    """
    steps: list[layers.Layer] = [
        layers.RandomFlip(direction, seed=seed + 10 * index)
        for index, direction in enumerate(FLIPS[flip])
    ]
    if strength > 0:
        steps += [
            layers.RandomRotation(0.05 * strength, fill_mode="nearest", seed=seed + 1),
            layers.RandomTranslation(
                0.1 * strength, 0.1 * strength, fill_mode="nearest", seed=seed + 2
            ),
            layers.RandomZoom(0.1 * strength, fill_mode="nearest", seed=seed + 3),
            layers.RandomBrightness(0.1 * strength, seed=seed + 4),
            layers.RandomContrast(0.1 * strength, seed=seed + 5),
        ]
    return keras.Sequential([layers.Identity(), *steps])
