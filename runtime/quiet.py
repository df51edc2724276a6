"""Keeps what C libraries print out of the terminal: interpreters and converters log to file descriptors 1 and 2 directly."""

import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet(*descriptors: int) -> Generator[None, None, None]:
    """Sends the given file descriptors (default: 2, standard error) nowhere. Python's own streams are flushed first.

    Set QUINCE_DEBUG=1 to see what is hidden.
    """
    if os.environ.get("QUINCE_DEBUG"):
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(descriptor, os.dup(descriptor)) for descriptor in descriptors or (2,)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor, _ in kept:
            os.dup2(nowhere, descriptor)
        yield
    finally:
        sys.stdout.flush()
        for descriptor, copy in kept:
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)


def prepare_tensorflow() -> None:
    """To call before Keras is first imported: its TensorFlow backend, and no log lines below errors, of C++ or Python."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("absl", "tensorflow", "tf2onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)
