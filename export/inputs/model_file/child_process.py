"""Loads and runs a finished model file, or cleans it, in a process with a limit of memory.

`first_load` beside it runs `python -m export.inputs.model_file.child_process FILE BYTES`, so a file
that crashes a library or takes all memory ends only this process. With TARGET and BATCH behind it,
an ONNX file is cleaned for conversion and written to TARGET.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.inputs.limited_child import answer_limited
from runtime.backends.base import load_backend, load_interpreter
from runtime.errors import InputRefused, MachineError
from runtime.file_formats.read_model_file import read_model_file
from runtime.file_formats.tensors import CHANNEL_AXIS, image_shape
from runtime.models.external_model import open_external
from runtime.models.first_load.child_process import load_and_run, spec_from_question
from runtime.system.lazy_loading import requires_extra
from runtime.system.memory import limited_memory
from runtime.system.terminal import quiet


def try_or_clean(path: Path, limit: int, *target: str) -> Mapping[str, Any]:
    """Loads and runs the model; `target` may be the file to write and its batch."""
    question = json.load(sys.stdin)
    load_interpreter(path)  # its libraries do not count
    is_onnx = path.suffix == ".onnx"
    if is_onnx:
        with requires_extra("export"), quiet():
            from export.inputs.model_file.cleaning import refuse_expansion
    with limited_memory(limit):
        try:
            if is_onnx:
                refuse_expansion(read_model_file(path), str(path))
            answer: Mapping[str, Any] = load_and_run(path, question)
            if target:
                _clean(path, question, Path(target[0]), int(target[1]))
            return answer
        except MachineError as error:  # the only machine here is the limit
            raise MemoryError from error


def _clean(path: Path, question: dict[str, Any], target: Path, batch: int) -> None:
    """Writes the cleaned model to `target`.

    Raises:
        InputRefused: it cannot be converted, or something that must be known is not.
        CheckFailed: it has weights that are NaN or infinite.
    """
    from export.inputs.model_file.cleaning import clean_model

    content = read_model_file(path)
    backend: Any = load_backend(path, content, 1)
    _, model, _ = open_external(path, content, backend, spec_from_question(question))
    shape = image_shape(backend.input)
    if backend.input.dtype is not np.float32 or len(backend.input.shape) != len(shape):
        raise InputRefused(
            str(path),
            f"expected an input of float32 with channels, found {backend.input}; export the float"
            " model, or bundle this file as it is with: quince export adopt",
        )
    sides = dict(zip(("height", "width"), model.spec.size, strict=True))
    channels = shape[CHANNEL_AXIS[model.spec.layout]] or (1 if model.spec.grey else 3)
    fixed = (batch, channels, sides["height"], sides["width"])
    if model.spec.layout == "nhwc":
        fixed = (batch, sides["height"], sides["width"], channels)
    output = next(name for name, tensor in backend.outputs.items() if tensor is backend.output)
    with tempfile.TemporaryDirectory() as folder, quiet(1, 2):
        cleaned = clean_model(content, str(path), output, fixed, Path(folder))
        target.write_bytes(cleaned.SerializeToString(deterministic=True))


if __name__ == "__main__":
    answer_limited(try_or_clean)
