"""One file per interpreter, one row here; a model file's suffix chooses the row."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from runtime.errors import InputRefused, MachineError
from runtime.memory import addresses_left
from runtime.plugins import Plugin
from runtime.quiet import quiet
from runtime.tensors import Tensor


class Backend(Protocol):
    """A loaded model with one input and one output. Several threads may ask it at once, each with `threads` of its own at work.

    Its constructor takes (name, content, threads), where content is the model file's, and raises InputRefused, naming `name`, for a model
    that the interpreter cannot load or that has another number of inputs or outputs.
    """

    input: Tensor
    output: Tensor
    metadata: Mapping[str, str]
    """Texts stored in the model file, by name; our manifest is under "quince.json"."""
    invoked: tuple[int, int]
    """When the interpreter last began and ended its own work, of `time.perf_counter_ns`: what is before is ours, and what is after.
    Of one thread's calls only where a single thread asks."""

    def run(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of the input's dtype and shape (sizes the file leaves open are as given) -> the output as the model gives it.

        Raises:
            InputRefused: the interpreter fails on it.
            MachineError: another interpreter is needed, since others are asked too, and memory is short.
        """


EMBEDDED_MANIFEST = "quince.json"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""ONNX Runtime 1.31 is built to report its use to its makers, and warns where it cannot keep an identifier for that. Read at its import."""

BACKENDS = {
    ".tflite": Plugin("runtime.backends.tflite:TFLiteBackend", extra="tflite"),
    ".onnx": Plugin("runtime.backends.onnx:ONNXBackend", extra="onnx"),
}

ADDRESSES = 48 * 2**20
"""Bytes of addresses that an interpreter takes at the least: with fewer, ONNX Runtime 1.32 ends its process without a word when it is
imported. Its libraries are 37 MB, LiteRT 2.3's 27 MB."""


def load_backend(path: Path, content: bytes, threads: int) -> Backend:
    """The model file at `path`, whose content was read already, in the interpreter for its suffix.

    Raises:
        InputRefused: no model file by its name, or the interpreter cannot load it.
        MachineError: its interpreter is not installed, or may not take the memory it needs.
    """
    if path.suffix not in BACKENDS:
        raise InputRefused(str(path), f"expected a model file ending in {' or '.join(BACKENDS)}")
    row = BACKENDS[path.suffix]
    left = None if row.imported else addresses_left()
    if left is not None and left < ADDRESSES:
        raise MachineError(str(path), f"an interpreter needs {ADDRESSES >> 20} MB of addresses, and ulimit -v leaves {left >> 20} MB")
    try:
        with quiet():  # what libraries say of too little memory, or of another numpy, comes back as their error
            interpreter = row.load()
    except MachineError as error:
        raise MachineError(str(path), error.reason) from error
    backend: Backend = interpreter(str(path), content, threads)
    return backend
