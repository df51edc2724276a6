"""Keeps what C libraries print out of the terminal: interpreters and converters log to file descriptors 1 and 2 directly."""

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

_lock = threading.Lock()
_silenced: dict[int, tuple[int, int]] = {}
"""By file descriptor: a copy that still leads where it led, and how many `quiet` blocks are open."""


@contextmanager
def quiet(*descriptors: int) -> Generator[None, None, None]:
    """Sends the given file descriptors (default: 2, standard error) nowhere, for all threads. Python's own streams are flushed first.

    Blocks may be nested or open in several threads at once; `speak` is heard all the same. Set QUINCE_DEBUG=1 to see what is hidden.
    """
    if os.environ.get("QUINCE_DEBUG"):
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    silenced = []
    try:
        for descriptor in descriptors or (2,):
            _silence(descriptor)
            silenced.append(descriptor)
        yield
    finally:
        sys.stdout.flush()
        for descriptor in silenced:
            _restore(descriptor)


def speak(line: str) -> None:
    """Writes a line to standard error, wherever that led before a `quiet` block of whatever thread."""
    with _lock:
        if 2 in _silenced:
            os.write(_silenced[2][0], f"{line}\n".encode(errors="backslashreplace"))
        else:
            print(line, file=sys.stderr, flush=True)


def _silence(descriptor: int) -> None:
    with _lock:
        copy, blocks = _silenced.get(descriptor, (-1, 0))
        if not blocks:
            copy, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        _silenced[descriptor] = copy, blocks + 1


def _restore(descriptor: int) -> None:
    with _lock:
        copy, blocks = _silenced.pop(descriptor)
        if blocks > 1:
            _silenced[descriptor] = copy, blocks - 1
        else:
            os.dup2(copy, descriptor)
            os.close(copy)


def prepare_tensorflow(backend: str = "tensorflow") -> None:
    """To call before Keras is first imported: its backend, and no log lines below errors, of C++ or Python."""
    import logging  # for this alone, and every start of the runtime would pay for it

    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("absl", "tensorflow", "tf2onnx", "jax"):
        logging.getLogger(name).setLevel(logging.ERROR)
