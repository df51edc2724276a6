"""Chooses the interpreter of a model file by its suffix. An interpreter is one file and one row."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from runtime.arrays import NDArray
from runtime.errors import InputRefused, MachineError, naming
from runtime.file_formats.tensors import Tensor
from runtime.system.lazy_loading import LazyObject
from runtime.system.memory import address_space_left
from runtime.system.terminal import quiet


class Backend(Protocol):
    """Runs a loaded model with one input, and returns one of its outputs.

    Several threads may call it at once; each call then uses `threads` threads of its own.

    The constructor takes (name, content, threads), where `content` is that of the model file. It
    raises InputRefused, naming `name`, for a model that the interpreter cannot load, or that has
    another number of inputs, or no output of numbers.

    A backend whose models can have several outputs also has `outputs`, `choose_output` and
    `run_both`; see `runtime.models.outputs`.
    """

    input: Tensor
    output: Tensor
    metadata: Mapping[str, str]
    """The texts in the model file, by name. Quince's manifest is under "quince.json"."""
    invoked: tuple[int, int]
    """The start and end of the interpreter's last work, by `time.perf_counter_ns`.

    The rest of a call is Quince's own work. The two belong to one call only if a single thread
    calls.
    """

    def run(self, values: NDArray[Any]) -> NDArray[Any]:
        """Returns the model's output, unchanged, for `values`.

        Args:
            values: of the input's dtype and shape; sizes that the file leaves open may be any.

        Raises:
            InputRefused: the interpreter fails on these values.
            MachineError: the call needs another interpreter, and there is too little memory.
        """


EMBEDDED_MANIFEST = "quince.json"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""Keeps ONNX Runtime 1.31 from reporting its use to its makers; read when it is imported.

It also warns where it cannot store an identifier for that.
"""

BACKENDS = {
    ".tflite": LazyObject("runtime.backends.litert:TFLiteBackend", extra="tflite"),
    ".onnx": LazyObject("runtime.backends.onnxruntime:ONNXBackend", extra="onnx"),
}

MIN_ADDRESS_SPACE_BYTES = 48 * 2**20
"""Address space that an interpreter needs at least.

With less, ONNX Runtime 1.32 ends the process without a message when it is imported. Its libraries
take 37 MB, those of LiteRT 2.3 take 27 MB.
"""


def load_backend(path: Path, content: bytes, threads: int) -> Backend:
    """Loads a model file into the interpreter for its suffix.

    Args:
        path: of the model file.
        content: of that file, already read.
        threads: of the interpreter.

    Raises:
        InputRefused: the suffix is unknown, or the interpreter cannot load the file.
        MachineError: the interpreter is not installed, or has too little memory.
    """
    backend: Backend = load_interpreter(path)(str(path), content, threads)
    return backend


def load_interpreter(path: Path) -> Any:
    """Imports the interpreter of a model file and returns its Backend class.

    Raises:
        InputRefused: the suffix is unknown.
        MachineError: the interpreter is not installed, or has too little memory.
    """
    if path.suffix not in BACKENDS:
        raise InputRefused(str(path), f"expected a model file ending in {' or '.join(BACKENDS)}")
    row = BACKENDS[path.suffix]
    left = None if row.imported else address_space_left()
    if left is not None and left < MIN_ADDRESS_SPACE_BYTES:
        raise MachineError(
            str(path),
            f"an interpreter needs {MIN_ADDRESS_SPACE_BYTES >> 20} MB of addresses, "
            f"and ulimit -v leaves {left >> 20} MB",
        )
    with naming(path), quiet():  # the error repeats what the libraries print
        return row.load()
