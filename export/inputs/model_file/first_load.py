"""Tries a finished model file in a child process with a limit of memory and time."""

from pathlib import Path
from typing import NamedTuple

from export.inputs.limited_child import ask_limited_child
from runtime.file_formats.read_model_file import read_model_file
from runtime.models.first_load.child_process import question_text
from runtime.models.model_spec import ModelSpec
from runtime.system.hashing import sha256_of

CHILD = "export.inputs.model_file.child_process"


class CleanedFile(NamedTuple):
    """Names the file that the child writes: the model, ready for conversion, for a batch."""

    path: Path
    batch: int


def try_model_file(path: Path, spec: ModelSpec, cleaned: CleanedFile | None = None) -> bytes:
    """Lets a child load and run the `.tflite` or `.onnx` file, and returns its content.

    Data of an `.onnx` file that lie in files beside it are in the content.

    Args:
        path: of the file.
        spec: what the user states about it.
        cleaned: where the child writes a cleaned `.onnx` file; None for a file that stays as it is.

    Raises:
        CheckFailed: a file to clean has weights that are NaN or infinite.
        InputRefused: the child crashed, took too much memory or time, or refused the file.
        MachineError: the interpreter is missing.
    """
    content = read_model_file(path)
    ask_limited_child(
        *(CHILD, path, len(content)),
        *((cleaned.path, str(cleaned.batch)) if cleaned else ()),
        library="its interpreter",
        question=question_text(sha256_of(content), spec),
    )
    return content
