"""The interpreter of `.tflite` files: LiteRT (package ai-edge-litert), else its predecessor tflite-runtime, which has the same interface.

tflite-runtime's last wheels are for Python 3.11 and for 32-bit ARM too, where LiteRT has none. They were built for numpy 1: with numpy 2
their import succeeds, and building an interpreter fails.
"""

import platform
import sys
from typing import Any

import numpy as np

from runtime.errors import MachineError
from runtime.quiet import quiet

LAST_PYTHON = (3, 11)
"""Of tflite-runtime 2.14, its last release."""

try:
    from ai_edge_litert.interpreter import Interpreter

    NAME = "LiteRT"
except ModuleNotFoundError as without_litert:
    try:
        from tflite_runtime.interpreter import Interpreter
    except ModuleNotFoundError:
        if sys.maxsize > 2**32:
            raise without_litert from None
        known = f"{platform.machine()} has no LiteRT; "
        if sys.version_info[:2] > LAST_PYTHON:
            known += f"the last tflite-runtime is for Python 3.11 or older, found {platform.python_version()}: use a 64-bit system"
        else:
            known += "pip install tflite-runtime==2.14.0 'numpy<2'"
        raise MachineError("tflite", known) from None

    NAME = "tflite-runtime"


def build(name: str, content: bytes, threads: int) -> Any:
    """The interpreter of a model file's content, its tensors allocated; `name` is what an error names.

    Raises:
        ValueError, RuntimeError: it cannot run this model.
        MachineError: tflite-runtime does not work with the numpy that is installed.
    """
    try:
        with quiet():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
            return interpreter
    except (SystemError, ImportError) as error:  # what comes of a numpy that tflite-runtime was not built for
        wanted = "works with numpy 1 only: pip install 'numpy<2'" if NAME == "tflite-runtime" else "does not work here"
        raise MachineError(name, f"{NAME} {wanted}; found numpy {np.__version__}") from error
