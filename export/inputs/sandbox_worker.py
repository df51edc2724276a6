"""Loads an external model, runs it on one image, and prints its signature as JSON.

`export.inputs.sandbox` runs `python -m export.inputs.sandbox_worker MODEL PREPARATION BYTES`, so a
file that crashes Keras or takes all memory ends only this process. The limit of BYTES is set after
TensorFlow is imported, on top of the memory it has taken by then.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from export.graph.signature import Signature
from export.graph.wrapping import Wrapping
from export.inputs.saved_model_files import is_saved_model
from runtime.errors import InputRefused, QuinceError
from runtime.system.lazy_loading import requires_extra
from runtime.system.memory import limited_memory
from runtime.system.subprocesses import print_answer
from workstation.keras_archive import check_keras_file
from workstation.keras_setup import prepare_tensorflow

OUT_OF_MEMORY = ("ResourceExhausted", "MemoryError", "bad_alloc")
"""Words in the errors of TensorFlow, Python and C++ when memory is short."""


def main(arguments: Sequence[str]) -> int:
    """Prints the signature, or an error, as one JSON object; returns 1 if memory was short."""
    path, limit = Path(arguments[0]), int(arguments[2])
    preparation = Wrapping.from_plain(json.loads(arguments[1]))
    try:
        print_answer(lambda: asdict(_try_model(path, preparation, limit)))
    except MemoryError:
        return 1
    return 0


def _try_model(path: Path, preparation: Wrapping, limit: int) -> Signature:
    try:
        if not is_saved_model(path):
            check_keras_file(path)
        prepare_tensorflow()
        with requires_extra("export"):
            from export.inputs.keras_loader import try_model
        with limited_memory(limit):
            return try_model(path, preparation)
    except QuinceError:
        raise
    except Exception as error:  # a file made to break Keras may raise anything
        text = f"{type(error).__name__} {error}"
        if any(word in text for word in OUT_OF_MEMORY):
            raise MemoryError from error
        raise InputRefused(
            str(path), f"Keras cannot load it: {' '.join(text.split())[:300]}"
        ) from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
