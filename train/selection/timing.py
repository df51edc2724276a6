"""Finds the latency and size of candidates as int8 `.tflite` files: measured here, or in a table.

A table is what `quince bench latency --json` wrote, on a board. `train` imports neither export nor
benchmarks: each runs in a child process.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import InputRefused, MachineError, naming
from runtime.shared.progress import Progress
from runtime.system.json_records import MAX_TEXT_BYTES, expect_list, parse_json, read_text
from runtime.system.subprocesses import ask_child

SUFFIX = ".tflite"
RULE = ("--iterations", "50", "--min-seconds", "1", "--max-seconds", "10")
"""How long a candidate is measured at each number of threads; enough for a median."""


@dataclass(frozen=True)
class Timing:
    """Holds the median ms of an image at the best number of threads, and the size of the file."""

    ms: float
    bytes: int


def read_timings(path: Path, names: Collection[str]) -> dict[str, Timing]:
    """Returns the timing of each candidate in `names` that a result of `bench latency` has.

    Raises:
        InputRefused: no such file, not such a result, or it names none of the candidates.
    """
    with naming(path, "not a usable result of bench latency: {}"):
        data = parse_json(read_text(path, "no such file"), MAX_TEXT_BYTES)
        if not isinstance(data, dict) or data.get("kind") != "latency":
            raise InputRefused("latency", "expected an object of the kind 'latency'")
        rows = [_row(row) for row in expect_list("measurements", data.get("measurements"))]
    timings: dict[str, Timing] = {}
    for name, timing in rows:
        if name in names and (name not in timings or timing.ms < timings[name].ms):
            timings[name] = timing
    if not timings:
        found = ", ".join(dict.fromkeys(f"{name}{SUFFIX}" for name, _ in rows)) or "none"
        raise InputRefused(
            str(path),
            f"expected measurements of model files such as {min(names)}{SUFFIX}, found "
            f"{found[:200]}; run choose once without --latency, and measure the files in its "
            "folder models/",
        )
    return timings


def _row(row: Any) -> tuple[str, Timing]:
    if not isinstance(row, dict):
        raise InputRefused("latency", "expected each measurement to be an object")
    artifact, size = row.get("artifact"), row.get("size_bytes")
    samples = expect_list("samples_ms", row.get("samples_ms"))
    if not isinstance(artifact, str) or type(size) is not int or size < 1:
        raise InputRefused("latency", "expected each measurement to have artifact and size_bytes")
    numbers = [value for value in samples if type(value) in (int, float) and 0 < value < 1e9]
    if not numbers or len(numbers) < len(samples):
        raise InputRefused("latency", "expected samples_ms to be numbers of ms above 0")
    return artifact.removesuffix(SUFFIX), Timing(float(np.median(numbers)), size)


def measure(files: Sequence[Path], result: Path) -> Mapping[str, Timing]:
    """Measures model files on this machine with `bench latency`, which writes `result`.

    Raises:
        MachineError: it failed, for example because no interpreter is installed.
    """
    result.unlink(missing_ok=True)
    with Progress("latency", 1) as bar:
        answer = ask_child("-m", "benchmarks", "latency", *files, *RULE, "-o", result)
        if not result.exists():
            raise MachineError("latency", f"cannot be measured here: {answer.reason}")
        bar.advance()
    return read_timings(result, {file.stem for file in files})
