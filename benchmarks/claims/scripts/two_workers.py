"""python -m benchmarks.claims.scripts.two_workers DATA [option...]

Compares two workers on loopback, on one core each, with one process on one core. The options are
those of `python -m train`, the same for all; without any, images of 192 px, 4 epochs and batches of
64, since two workers are for long steps. Nothing is cached, and nothing is drawn at random
within a worker: one variant, no augmentation, no dropout. The sides train in turn, and the ratio is
the median over the rounds of the seconds of training: from decoded images to the last epoch, with
the frozen features and the solved head. The import of TensorFlow and the decoding count for
neither.

The weights are compared with those of one process on one core. Any other order of additions changes
them, also another number of cores, and Adam amplifies that. So their distance is given as a
multiple of the distance that a process on two cores has. BatchNorm's statistics are left out.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.base import Claim, claim_parser, print_claims, run_claim
from runtime.errors import MachineError
from workstation.keras_loading import load_keras_file
from workstation.run_folder import MODEL

TIME_BAR = 0.65
WEIGHTS_BAR = 2.0
"""Distances of rounding differ by chance; a wrong batch is many times farther away."""
FIXED = ("--variants", "1", "--augment", "0", "--dropout", "0", "--json")
LONG_STEPS = ("--input-size", "192", "--epochs", "4", "--batch", "64")


def main() -> int:
    """Prints both claims; returns 3 if one does not hold."""
    parser = claim_parser(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parsed, options = parser.parse_known_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise MachineError("two-workers", "expected two cores, found one")
    words = [str(parsed.data), *FIXED, *(options or LONG_STEPS)]
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _train(folder / "cores", words, set(cores))
        for number in range(parsed.rounds):
            one, two = folder / f"one-{number}", folder / f"two-{number}"
            one_s = _train(one, words, {cores[0]})["seconds"]
            two_s = _train_two(two, words, cores)["seconds"]
            print(f"one process {one_s:.1f} s, two workers {two_s:.1f} s", flush=True)
            ratios.append(two_s / one_s)
        weights = _weights(one)
        distance, rounding = (
            float(np.linalg.norm(_weights(run) - weights) / np.linalg.norm(weights))
            for run in (two, folder / "cores")
        )
    unit = f"times the distance of a process on two cores ({distance:.2g}, {rounding:.2g} of all)"
    return print_claims(
        Claim("two-workers", median(ratios), "of one worker's time", TIME_BAR, least=False),
        Claim("two-workers-weights", distance / rounding, unit, WEIGHTS_BAR, least=False),
    )


def _train(run: Path, words: list[str], cores: set[int]) -> dict[str, Any]:
    return _result([_start(run, words, cores)])


def _train_two(run: Path, words: list[str], cores: list[int]) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    shared = [*words, "--distribute", address, "--worker"]
    return _result(
        [_start(run, [*shared, f"{number}/2"], {core}) for number, core in enumerate(cores, 1)]
    )


def _start(run: Path, words: list[str], cores: set[int]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "train", *words, "-o", str(run), "--cache", f"{run}-cache"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )


def _result(processes: list[subprocess.Popen[str]]) -> dict[str, Any]:
    """Returns what the first process printed."""
    printed = [process.communicate()[0] for process in processes]
    codes = [process.returncode for process in processes]
    if any(codes):
        raise SystemExit(f"expected exit codes 0, found {codes}")
    result: dict[str, Any] = json.loads(printed[0])
    return result


def _weights(run: Path) -> NDArray[np.float32]:
    """Returns all weights of a run as one vector, without the statistics of BatchNorm."""
    variables = load_keras_file(run / MODEL).weights
    return np.concatenate(
        [np.ravel(variable) for variable in variables if not variable.name.startswith("moving_")]
    )


if __name__ == "__main__":
    run_claim(__spec__.name, main)
