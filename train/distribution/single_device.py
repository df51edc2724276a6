"""Computes features with TensorFlow on one device."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def feature_function(
    layers: keras.Model, shape: tuple[int, ...], *, training: bool = False
) -> Callable[[Any], Any]:
    """Returns a function that applies `layers` to a batch of inputs of this shape.

    It is compiled once for batches of all sizes, and returns float32 in mixed precision, too.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
    def compute(batch: tf.Tensor) -> tf.Tensor:
        return tf.cast(layers(batch, training=training), tf.float32)

    return compute  # type: ignore[no-any-return]
