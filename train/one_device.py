"""Features computed with TensorFlow on one device."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def step(part: keras.Model | None, augment: keras.Sequential | None) -> Callable[[Any], Any]:
    """Augments a batch, if it is to be, and gives what `part` makes of it."""

    @tf.function(reduce_retracing=True)
    def compute(batch: tf.Tensor) -> tf.Tensor:
        if augment is not None:
            batch = augment(batch, training=True)
        return part(batch, training=False) if part is not None else batch

    return compute  # type: ignore[no-any-return]
