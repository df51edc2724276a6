"""Loads an external model in a child process first, with a limit of memory and time."""

import json
from dataclasses import asdict
from pathlib import Path

from export.graph.signature import Signature
from export.graph.wrapping import Wrapping
from export.inputs.saved_model_files import files, is_saved_model
from runtime.errors import InputRefused
from runtime.system.subprocesses import ask_child
from workstation.keras_archive import loading_memory

BASE_SECONDS, BYTES_PER_SECOND = 180, 2**20
"""What loading and one image may take."""


def try_loading(path: Path, preparation: Wrapping) -> Signature:
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
    limit, seconds = loading_memory(size), BASE_SECONDS + size // BYTES_PER_SECOND
    result = ask_child(
        "-m",
        "export.inputs.sandbox_worker",
        path,
        json.dumps(asdict(preparation)),
        str(limit),
        timeout_s=seconds,
    )
    if result.timed_out:
        raise InputRefused(
            str(path), f"loading it and running it on one image takes more than {seconds} s"
        )
    if not result.answered:
        how = f"crashed (signal {result.signal})" if result.signal else "failed"
        raise InputRefused(
            str(path),
            f"Keras {how} while it loaded the model or ran it on one image;"
            f" at most {limit >> 20} MB are allowed for that",
        )
    return Signature(**result.value())
