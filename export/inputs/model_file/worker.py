"""Loads and runs a finished model file in a process with a limit of memory.

`export.inputs.model_file.trial` runs `python -m export.inputs.model_file.worker FILE BYTES`, so a
file that crashes an interpreter or takes all memory ends only this process.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.backends.base import load_interpreter
from runtime.errors import InputRefused, MachineError
from runtime.models.trial_worker import try_model
from runtime.system.memory import limited_memory
from runtime.system.subprocesses import print_answer


def main(arguments: Sequence[str]) -> int:
    """Prints an empty JSON object, or an error as JSON; returns 1 if memory was short."""
    path, limit = Path(arguments[0]), int(arguments[1])
    question = json.load(sys.stdin)
    try:
        print_answer(lambda: _try(path, limit, question))
    except MemoryError:
        return 1
    return 0


def _try(path: Path, limit: int, question: dict[str, Any]) -> Mapping[str, Any]:
    load_interpreter(path)  # its libraries do not count
    with limited_memory(limit):
        try:
            return try_model(path, question)
        except MachineError as error:  # the only machine here is the limit
            raise InputRefused(str(path), f"loading it takes more than {limit >> 20} MB") from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
