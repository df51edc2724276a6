"""Backbone, pooling, dropout and softmax as one flat Keras model on RGB pixels in 0..255; and the augmentation, which is not part of it."""

import keras
from keras import layers

from runtime.preprocess import Preprocessing
from train.backbones import Backbone
from train.options import Flip
from train.stages import INPUT, POOL

FLIPS: dict[Flip, tuple[str, ...]] = {"none": (), "horizontal": ("horizontal",), "both": ("horizontal", "vertical")}
"""Keras' own "horizontal_and_vertical" throws one coin for the two: it only ever turns a picture by 180 degrees (3.15)."""


def build_model(backbone: Backbone, preprocessing: Preprocessing, classes: int, dropout: float, *, pretrained: bool) -> keras.Model:
    """(batch, height, width, 3) float RGB in 0..255 -> (batch, classes) probabilities; normalisation is its first layer."""
    inputs = keras.Input((preprocessing.height, preprocessing.width, 3), name=INPUT)
    x = layers.Rescaling(1 / backbone.std, -backbone.mean / backbone.std, name="normalise")(inputs)
    x = backbone.build.load()(x)
    x = layers.GlobalAveragePooling2D(name=POOL)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, activation="softmax", name="scores")(x)
    model = keras.Model(inputs, x)
    if pretrained and backbone.weights:
        backbone.weights.load()(model)
    return model


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
