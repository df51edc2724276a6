"""Loads a Keras file within a memory limit."""

from pathlib import Path

import keras
import tensorflow as tf

from runtime.errors import InputRefused
from runtime.system.memory import limited_memory
from runtime.system.terminal import quiet
from workstation.keras_archive import loading_memory

BROKEN = (
    ValueError,
    TypeError,
    OSError,
    KeyError,
    AttributeError,
    NotImplementedError,
    tf.errors.OpError,
)
"""What Keras and TensorFlow raise for broken files."""


def load_keras_file(path: Path) -> keras.Model:
    """Returns the model of a `.keras` file that `check_keras_file` accepted.

    A file of 3 kB can declare a layer of gigabytes. Keras itself refuses weights that refer to
    other files, and chunked weights that declare more than is stored; the limit stops the others.

    Raises:
        InputRefused: Keras cannot load the file, or not within the limit.
    """
    limit = loading_memory(path.stat().st_size)
    try:
        with quiet(), limited_memory(limit):
            return keras.models.load_model(path, compile=False, safe_mode=True)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise InputRefused(
            str(path),
            f"loading it takes more than the {limit >> 20} MB a file of its size may need",
        ) from error
    except BROKEN as error:
        reason = " ".join(str(error).split())[:300]
        raise InputRefused(str(path), f"Keras cannot load it: {reason}") from error
