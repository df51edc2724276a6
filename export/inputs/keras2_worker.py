"""Reads an `.h5` file of Keras 2 with tf_keras and writes it as a SavedModel.

`export.inputs.keras2` runs `python -m export.inputs.keras2_worker FILE FOLDER BYTES`, so a file
that crashes a library or takes all memory ends only this process.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export.inputs.keras2_config import check_hdf5
from runtime.errors import InputRefused, QuinceError
from runtime.system.memory import limited_memory
from runtime.system.subprocesses import print_answer
from workstation.keras_setup import prepare_tensorflow


def main(arguments: Sequence[str]) -> int:
    """Prints an empty JSON object, or an error as JSON; returns 1 if memory was short."""
    path, folder, limit = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    try:
        print_answer(lambda: _convert(path, folder, limit))
    except MemoryError:
        return 1
    return 0


def _convert(path: Path, folder: Path, limit: int) -> Mapping[str, Any]:
    try:
        check_hdf5(path)
        prepare_tensorflow()
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow  # noqa: F401
        import tf_keras

        with limited_memory(limit):
            model = tf_keras.models.load_model(path, compile=False)
            model.export(str(folder))
    except (QuinceError, MemoryError):
        raise
    except Exception as error:  # a file made to break a library may raise anything
        reason = f"{type(error).__name__} {error}"
        raise InputRefused(
            str(path), f"tf_keras cannot load it: {' '.join(reason.split())[:300]}"
        ) from error
    return {"converted": True}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
