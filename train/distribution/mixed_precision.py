"""Chooses mixed precision, float16 arithmetic with float32 weights, where it is faster."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

FLOAT32, MIXED = "float32", "mixed_float16"
"""Keras' names of the two dtype policies."""
TENSOR_CORES = (7, 0)
"""The lowest compute capability of NVIDIA cards with float16 tensor cores.

Source: CUDA C++ Programming Guide.
"""


def choose_policy(capabilities: Sequence[tuple[int, int] | None]) -> str:
    """Returns the policy for cards of these compute capabilities (None: unknown).

    It is MIXED if all cards have tensor cores, and FLOAT32 if one has not or there is no card.
    """
    fast = [capability is not None and capability >= TENSOR_CORES for capability in capabilities]
    return MIXED if fast and all(fast) else FLOAT32


def compute_capabilities() -> list[tuple[int, int] | None]:
    """Returns the compute capability of each graphics card that TensorFlow sees."""
    cards = tf.config.list_physical_devices("GPU")
    return [
        tf.config.experimental.get_device_details(card).get("compute_capability") for card in cards
    ]


@contextmanager
def precision(policy: str) -> Generator[None, None, None]:
    """Applies a dtype policy to the models that its block builds and compiles."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)
