"""Builds the interpreter of `.tflite` files: LiteRT, or else its predecessor tflite-runtime.

Both have the same interface. The last wheels of tflite-runtime are for Python 3.11, and for 32-bit
ARM, where LiteRT has none. They were built for numpy 1: with numpy 2 the import succeeds, and
building an interpreter fails.
"""

import platform
import sys
from typing import Any

import numpy as np

from runtime.errors import MachineError
from runtime.system.terminal import quiet

LAST_PYTHON = (3, 11)
"""The newest Python of tflite-runtime 2.14, its last release."""

try:
    from ai_edge_litert.interpreter import Interpreter

    NAME = "LiteRT"
except ModuleNotFoundError as without_litert:
    try:
        from tflite_runtime.interpreter import Interpreter
    except ModuleNotFoundError:
        if sys.maxsize > 2**32:
            raise without_litert from None
        reason = f"{platform.machine()} has no LiteRT; "
        if sys.version_info[:2] > LAST_PYTHON:
            reason += (
                "the last tflite-runtime is for Python 3.11 or older, "
                f"found {platform.python_version()}: use a 64-bit system"
            )
        else:
            reason += "pip install tflite-runtime==2.14.0 'numpy<2'"
        raise MachineError("tflite", reason) from None

    NAME = "tflite-runtime"

package = sys.modules[Interpreter.__module__.split(".")[0]]
VERSION = str(getattr(package, "__version__", ""))


def build_interpreter(name: str, content: bytes, threads: int) -> Any:
    """Returns the interpreter of a model file's content, with its tensors allocated.

    Args:
        name: what an error names.
        content: of the model file.
        threads: of the interpreter.

    Raises:
        ValueError, RuntimeError: the interpreter cannot run this model.
        MachineError: tflite-runtime does not work with the installed numpy.
    """
    try:
        with quiet():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
            return interpreter
    except (SystemError, ImportError) as error:  # a numpy that tflite-runtime was not built for
        reason = "does not work here"
        if NAME == "tflite-runtime":
            reason = "works with numpy 1 only: pip install 'numpy<2'"
        raise MachineError(name, f"{NAME} {reason}; found numpy {np.__version__}") from error
