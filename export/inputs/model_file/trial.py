"""Tries a finished model file in a child process with a limit of memory and time."""

from pathlib import Path
from typing import NamedTuple

from runtime.errors import InputRefused
from runtime.file_formats.read_model_file import read_model_file
from runtime.models.model_spec import ModelSpec
from runtime.models.trial.worker import question_text
from runtime.system.hashing import sha256_of
from runtime.system.subprocesses import ask_child
from workstation.keras_archive import loading_memory

WORKER = "export.inputs.model_file.worker"
BASE_SECONDS, BYTES_PER_SECOND = 180, 2**20
"""What loading and three images may take."""


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
    limit, seconds = loading_memory(len(content)), BASE_SECONDS + len(content) // BYTES_PER_SECOND
    result = ask_child(
        *("-m", WORKER, path, str(limit)),
        *((cleaned.path, str(cleaned.batch)) if cleaned else ()),
        question=question_text(sha256_of(content), spec),
        timeout_s=seconds,
    )
    if result.timed_out:
        raise InputRefused(str(path), f"loading it and running it takes more than {seconds} s")
    if not result.answered:
        raise InputRefused(
            str(path),
            f"tried in a process of its own, it {result.reason}; at most {limit >> 20} MB are"
            " allowed for that",
        )
    result.value()
    return content
