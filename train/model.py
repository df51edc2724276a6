"""Backbone, head and softmax as one flat Keras model on RGB pixels in 0..255; and the augmentation, which is not part of it."""

import keras
from keras import layers

from runtime.errors import InputRefused
from runtime.preprocess import Preprocessing
from train.backbones import Backbone
from train.network import build_network, normalise
from train.options import Flip
from train.pretrained import load_pretrained
from train.settings import Settings
from train.stages import FLATTEN, INPUT, POOL

FLIPS: dict[Flip, tuple[str, ...]] = {"none": (), "horizontal": ("horizontal",), "both": ("horizontal", "vertical")}
"""Keras' own "horizontal_and_vertical" throws one coin for the two: it only ever turns a picture by 180 degrees (3.15)."""


MOMENTUM = 0.9
"""Of BatchNorm's moving averages in a network trained from scratch. Keras' networks have up to 0.999 there, for a training of ImageNet's
length: after the thousand steps of a small data set they would still be far from what the network sees."""


def build_model(backbone: Backbone, preprocessing: Preprocessing, classes: int, settings: Settings) -> keras.Model:
    """(batch, height, width, 3) float RGB in 0..255 -> (batch, classes) probabilities; normalisation comes first in it.

    Raises:
        InputRefused: the file of weights does not fit; or the pictures are too small for the backbone.
        MachineError: the weights cannot be fetched, or the package that holds them is missing.
    """
    if min(preprocessing.height, preprocessing.width) < backbone.smallest:
        found = f"{preprocessing.width}x{preprocessing.height}"
        raise InputRefused("--input-size", f"this backbone takes pictures of at least {backbone.smallest} pixels, found {found}")
    pixels = keras.Input((preprocessing.height, preprocessing.width, 3), name=INPUT)
    features = build_network(normalise(pixels, backbone.normalisation), backbone, settings.width)
    base = keras.Model(pixels, features)
    if settings.pretrained:
        load_pretrained(base, backbone, settings)
    else:
        for layer in base.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = MOMENTUM
    return keras.Model(pixels, _head(features, classes, settings))


def _head(features: keras.KerasTensor, classes: int, settings: Settings) -> keras.KerasTensor:
    if settings.hidden:
        x = layers.Flatten(name=FLATTEN)(features)
        x = layers.Dense(settings.hidden, activation="relu", name="hidden")(x)
    else:
        x = layers.GlobalAveragePooling2D(name=POOL)(features)
    x = layers.Dropout(settings.dropout, name="dropout")(x)
    return layers.Dense(classes, activation="softmax", name="scores")(x)


def build_augmentation(flip: Flip, strength: float, seed: int) -> keras.Sequential:
    """Random changes to float RGB pictures in 0..255, same shape out. At strength 1: turned by up to 18 degrees, shifted and
    scaled by up to a tenth, brightness and contrast changed by up to a tenth of the range."""
    steps: list[layers.Layer] = [layers.RandomFlip(way, seed=seed + 10 * number) for number, way in enumerate(FLIPS[flip])]
    if strength > 0:
        steps += [
            layers.RandomRotation(0.05 * strength, fill_mode="nearest", seed=seed + 1),
            layers.RandomTranslation(0.1 * strength, 0.1 * strength, fill_mode="nearest", seed=seed + 2),
            layers.RandomZoom(0.1 * strength, fill_mode="nearest", seed=seed + 3),
            layers.RandomBrightness(0.1 * strength, seed=seed + 4),
            layers.RandomContrast(0.1 * strength, seed=seed + 5),
        ]
    return keras.Sequential([layers.Identity(), *steps])
