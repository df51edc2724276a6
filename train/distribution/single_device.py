"""Computes features with TensorFlow on one device."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def feature_function(
    submodel: keras.Model | None, augment: keras.Sequential | None
) -> Callable[[Any], Any]:
    """Returns a function that augments a batch and applies `submodel` to it; None skips a step."""

    @tf.function(reduce_retracing=True)
    def compute(batch: tf.Tensor) -> tf.Tensor:
        if augment is not None:
            batch = augment(batch, training=True)
        if submodel is not None:
            batch = submodel(batch, training=False)
        return batch

    return compute  # type: ignore[no-any-return]
