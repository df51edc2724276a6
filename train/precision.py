"""Mixed precision: float16 arithmetic with float32 weights, on graphics cards that are faster so."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

FLOAT32, MIXED = "float32", "mixed_float16"
"""Keras' names of the two."""
TENSOR_CORES = (7, 0)
"""The compute capability from which an NVIDIA card multiplies float16 matrices in tensor cores (CUDA C++ Programming Guide)."""


def policy(capabilities: Sequence[tuple[int, int] | None]) -> str:
    """The arithmetic for cards of these compute capabilities (None: unknown): mixed if all are fast so, float32 where there is no card."""
    fast = [capability is not None and capability >= TENSOR_CORES for capability in capabilities]
    return MIXED if fast and all(fast) else FLOAT32


def capabilities() -> list[tuple[int, int] | None]:
    """The compute capability of each card TensorFlow sees."""
    cards = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(card).get("compute_capability") for card in cards]


@contextmanager
def precision(name: str) -> Generator[None, None, None]:
    """Models built and compiled within it compute so."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)
