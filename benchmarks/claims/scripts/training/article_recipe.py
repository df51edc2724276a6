"""Trains the article's recipe in the straightforward way with Keras and tf.data.

Every epoch decodes, resizes and augments every image, and runs the whole network on it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from train.backbones.efficientnet_lite import efficientnet_lite, load_imagenet_weights
from train.configuration.options import TrainOptions
from train.fitting.augmentation import build_augmentation

BATCH, HIDDEN, DROPOUT = 32, 519, 0.5
HEAD_RATE, RATE = 1e-3, 1e-5
SHUFFLE_SEED = 7
THAWED = "block15_expand_conv"
"""Fine-tuning trains the last convolutions: this one, and the three after it."""


@dataclass(frozen=True)
class LabelledFiles:
    """Holds image files and their class indices."""

    paths: Sequence[Path]
    targets: Sequence[int]


def train_article(
    train: LabelledFiles, val: LabelledFiles, size: int, classes: int, head_epochs: int, seed: int
) -> Iterator[tuple[float, float]]:
    """Trains without end and yields the seconds and the validation accuracy of each epoch.

    The base network is frozen in the first `head_epochs`.
    """
    keras.utils.set_random_seed(seed)
    augmentation = build_augmentation(TrainOptions(), seed, ("flip", "geometry", "colour"))
    train_batches = _images(train, size).map(
        lambda x, y: (augmentation(x, training=True), y), tf.data.AUTOTUNE
    )
    train_batches = train_batches.prefetch(tf.data.AUTOTUNE)
    val_batches = _images(val, size).prefetch(tf.data.AUTOTUNE)
    model = _model(size, classes)
    epoch = 0
    while True:
        if epoch in (0, head_epochs):
            _freeze(model, thawed=epoch == head_epochs)
            model.compile(
                keras.optimizers.Adam(RATE if epoch else HEAD_RATE),
                "sparse_categorical_crossentropy",
                metrics=["accuracy"],
                jit_compile=False,
            )
        start = time.monotonic()
        logs = model.fit(
            train_batches,
            validation_data=val_batches,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=0,
        ).history
        epoch += 1
        yield time.monotonic() - start, float(logs["val_accuracy"][-1])


def _images(files: LabelledFiles, size: int) -> Any:
    def decode(path: tf.Tensor, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        return tf.image.resize(image, (size, size)), target

    paths = [str(path) for path in files.paths]
    dataset = tf.data.Dataset.from_tensor_slices((paths, list(files.targets)))
    dataset = dataset.shuffle(len(paths), seed=SHUFFLE_SEED)
    return dataset.map(decode, tf.data.AUTOTUNE).batch(BATCH)


def _model(size: int, classes: int) -> keras.Model:
    inputs = keras.Input((size, size, 3))
    base = efficientnet_lite(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    x = layers.Dense(HIDDEN, activation="relu")(layers.Flatten()(base))
    outputs = layers.Dense(classes, activation="softmax")(layers.Dropout(DROPOUT)(x))
    model = keras.Model(inputs, outputs)
    load_imagenet_weights(model)
    return model


def _freeze(model: keras.Model, *, thawed: bool) -> None:
    names = [layer.name for layer in model.layers]
    first = names.index(THAWED) if thawed else names.index("head_relu") + 1
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= first and not isinstance(layer, layers.BatchNormalization)
