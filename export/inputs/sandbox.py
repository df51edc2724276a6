"""Loads an external model in a child process first, with a limit of memory and time.

The child runs this module too. TensorFlow does not count for its limit.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.graph.model_signature import ModelSignature
from export.graph.wrapping import Wrapping
from export.inputs.limited_child import answer_limited, ask_limited_child
from export.inputs.saved_model_files import files, is_saved_model
from runtime.system.lazy_loading import requires_extra
from runtime.system.memory import limited_memory
from workstation.keras_archive import check_keras_file
from workstation.keras_setup import prepare_tensorflow


def try_loading(path: Path, preparation: Wrapping) -> ModelSignature:
    """Loads the model in a child, runs it on one image and returns its signature.

    Raises:
        InputRefused: it does not pass the checks or does not load, or it crashes the child or takes
            too much memory or time.
        CheckFailed: it has weights that are NaN or infinite.
        MachineError: a package is missing.
    """
    if is_saved_model(path):
        size = sum(file.stat().st_size for file in files(path))
    else:
        size = path.stat().st_size
    words = json.dumps(asdict(preparation))
    return ModelSignature(**ask_limited_child(__name__, path, size, words, library="Keras"))


def load_signature(path: Path, limit: int, preparation: str) -> Mapping[str, Any]:
    """Returns the signature of the model, in the child; `preparation` is a Wrapping as JSON."""
    if not is_saved_model(path):
        check_keras_file(path)
    prepare_tensorflow()
    with requires_extra("export"):
        from export.inputs.keras_loader import try_keras_model
    with limited_memory(limit):
        return asdict(try_keras_model(path, Wrapping.from_plain(json.loads(preparation))))


if __name__ == "__main__":
    answer_limited(load_signature)
