"""Loads a model file as the runtime does, and runs it on zeros.

`models` runs this in a process of its own: python -m runtime.commands.doctor.model_load FILE
"""

import sys
import time
from pathlib import Path

import numpy as np

from runtime.backends.base import load_backend
from runtime.file_formats.read_model_file import read_model_file
from runtime.system.subprocesses import print_answer

OPEN_SIDE = 64
"""Size of a side that the file does not fix."""


def time_model(path: Path) -> dict[str, float]:
    """Returns the milliseconds that loading the model and its second run took."""
    content = read_model_file(path)
    start = time.perf_counter()
    backend = load_backend(path, content, 1)
    loaded = time.perf_counter()
    batch, sides = backend.input.shape[:1], backend.input.shape[1:]
    shape = [*(size or 1 for size in batch), *(size or OPEN_SIDE for size in sides)]
    values = np.zeros(shape, backend.input.dtype)
    backend.run(values)
    warm = time.perf_counter()
    backend.run(values)
    done = time.perf_counter()
    return {
        "load_ms": round(1000 * (loaded - start), 1),
        "run_ms": round(1000 * (done - warm), 2),
    }


if __name__ == "__main__":
    print_answer(lambda: time_model(Path(sys.argv[1])))
