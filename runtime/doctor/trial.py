"""python -m runtime.doctor.trial FILE: loads a model file as the runtime does, runs it once on zeros, and says what came of it."""

import json
import sys
import time
from pathlib import Path

import numpy as np

from runtime.backends import load_backend
from runtime.errors import QuinceError
from runtime.model_file import read_model_file

OPEN_SIDE = 64
"""What a side is taken for that the file leaves open."""


def main(path: Path) -> None:
    """Prints one JSON object: the milliseconds of loading and of the second run, or the error's exit_code and reason."""
    try:
        content = read_model_file(path)
        start = time.perf_counter()
        backend = load_backend(path, content, 1)
        loaded = time.perf_counter()
        sides = tuple(side or (OPEN_SIDE if axis else 1) for axis, side in enumerate(backend.input.shape))
        values = np.zeros(sides, backend.input.dtype)
        backend.run(values)
        warm = time.perf_counter()
        backend.run(values)
        done = time.perf_counter()
        answer: dict[str, float | str] = {"load_ms": round(1000 * (loaded - start), 1), "run_ms": round(1000 * (done - warm), 2)}
    except QuinceError as error:
        answer = {"exit_code": error.exit_code, "reason": error.reason}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
