"""Backbone, pooling, dropout and softmax as one flat Keras model on RGB pixels in 0..255; and the augmentation, which is not part of it."""

import keras
from keras import layers

from runtime.preprocess import Preprocessing
from train.backbones import Backbone
from train.run import Flip

POOL = "pool"
"""The layer whose output, one vector a picture, the head is trained on."""

KERAS_FLIPS = {"horizontal": "horizontal", "both": "horizontal_and_vertical"}


def build_model(backbone: Backbone, preprocessing: Preprocessing, classes: int, dropout: float, *, pretrained: bool) -> keras.Model:
    """(batch, height, width, 3) float RGB in 0..255 -> (batch, classes) probabilities; normalisation is its first layer."""
    inputs = keras.Input((preprocessing.height, preprocessing.width, 3), name="pixels")
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
    steps: list[layers.Layer] = []
    if flip != "none":
        steps.append(layers.RandomFlip(KERAS_FLIPS[flip], seed=seed))
    if strength > 0:
        steps += [
            layers.RandomRotation(0.05 * strength, fill_mode="nearest", seed=seed + 1),
            layers.RandomTranslation(0.1 * strength, 0.1 * strength, fill_mode="nearest", seed=seed + 2),
            layers.RandomZoom(0.1 * strength, fill_mode="nearest", seed=seed + 3),
            layers.RandomBrightness(0.1 * strength, seed=seed + 4),
            layers.RandomContrast(0.1 * strength, seed=seed + 5),
        ]
    return keras.Sequential([layers.Identity(), *steps])
