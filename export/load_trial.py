"""Loads a model of someone else's in a process of its own first, with a limit of memory and time."""

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.preparation import Preparation
from export.saved_model_folder import files, is_saved_model
from export.signature import Signature
from runtime.children import environment, python
from runtime.errors import CheckFailed, InputRefused, MachineError, QuinceError

BASE_BYTES, BYTES_PER_BYTE = 2 * 2**30, 6
"""What loading and one picture may take: Keras holds a file's content, the variables and a copy of them for a moment."""
BASE_SECONDS, BYTES_PER_SECOND = 180, 2**20
ERRORS: dict[int, type[QuinceError]] = {error.exit_code: error for error in (InputRefused, CheckFailed, MachineError)}


def try_loading(path: Path, preparation: Preparation) -> Signature:
    """The signature of the model at `path`, found by loading and running it once in a child.

    Raises:
        InputRefused: it does not pass the checks, does not load, or its loading crashes or takes too much memory or time.
        CheckFailed: it has weights that are NaN or infinite.
        MachineError: a package is missing.
    """
    size = sum(file.stat().st_size for file in files(path)) if is_saved_model(path) else path.stat().st_size
    limit, seconds = BASE_BYTES + BYTES_PER_BYTE * size, BASE_SECONDS + size // BYTES_PER_SECOND
    command = python("-m", "export.load_child", path, json.dumps(asdict(preparation)), str(limit))
    quiet = None if os.environ.get("QUINCE_DEBUG") else subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=quiet, env=environment(), timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputRefused(str(path), f"loading it and running it on one picture takes more than {seconds} s") from error
    answer = _answer(done.stdout) if done.returncode == 0 else None
    if answer is None:
        how = f"crashed (signal {-done.returncode})" if done.returncode < 0 else "failed"
        raise InputRefused(
            str(path), f"Keras {how} while loading it or running it on one picture; at most {limit >> 20} MB are given for that"
        )
    if "exit_code" in answer:
        raise ERRORS[answer["exit_code"]](answer["thing"], answer["reason"])
    return Signature(**answer)


def _answer(output: bytes) -> dict[str, Any] | None:
    """The child's last line; what libraries print goes before it."""
    try:
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return found
