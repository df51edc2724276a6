"""The article's recipe, done straightforwardly with Keras and tf.data.

Every epoch decodes, resizes and augments every picture, and goes through the whole network.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from train.efficientnet_lite import efficientnet_lite, load_imagenet_weights
from train.model import build_augmentation

BATCH, HIDDEN, DROPOUT = 32, 519, 0.5
HEAD_RATE, RATE = 1e-3, 1e-5
THAWED = "block15_expand_conv"
"""The last convolutions: this one, and the three after it."""


@dataclass(frozen=True)
class Side:
    """Picture files and their class indices."""

    paths: Sequence[Path]
    targets: Sequence[int]


def article(train: Side, val: Side, size: int, classes: int, head_epochs: int, seed: int) -> Iterator[tuple[float, float]]:
    """Trains, without end; gives the seconds and the validation accuracy of each epoch, the first `head_epochs` with the base frozen."""
    keras.utils.set_random_seed(seed)
    augmentation = build_augmentation("horizontal", 1.0, seed)
    batches = _pictures(train, size).map(lambda x, y: (augmentation(x, training=True), y), tf.data.AUTOTUNE)
    batches, val_batches = (pictures.prefetch(tf.data.AUTOTUNE) for pictures in (batches, _pictures(val, size)))
    model = _model(size, classes)
    epoch = 0
    while True:
        if epoch in (0, head_epochs):
            _freeze(model, thawed=epoch > 0 or head_epochs == 0)
            rate = RATE if epoch else HEAD_RATE
            model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
        start = time.monotonic()
        logs = model.fit(batches, validation_data=val_batches, initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0).history
        epoch += 1
        yield time.monotonic() - start, float(logs["val_accuracy"][-1])


def _pictures(side: Side, size: int) -> Any:
    def decode(path: tf.Tensor, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picture = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        return tf.image.resize(picture, (size, size)), target

    files = tf.data.Dataset.from_tensor_slices(([str(path) for path in side.paths], list(side.targets)))
    return files.shuffle(len(side.paths), seed=7).map(decode, tf.data.AUTOTUNE).batch(BATCH)


def _model(size: int, classes: int) -> keras.Model:
    inputs = keras.Input((size, size, 3))
    base = efficientnet_lite(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    x = layers.Dense(HIDDEN, activation="relu")(layers.Flatten()(base))
    model = keras.Model(inputs, layers.Dense(classes, activation="softmax")(layers.Dropout(DROPOUT)(x)))
    load_imagenet_weights(model)
    return model


def _freeze(model: keras.Model, *, thawed: bool) -> None:
    names = [layer.name for layer in model.layers]
    first = names.index(THAWED) if thawed else names.index("head_relu") + 1
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= first and not isinstance(layer, layers.BatchNormalization)
