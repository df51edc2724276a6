"""Measures the sides of a claim in turn, so that a slow moment of the machine hurts all."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.measurement.models_under_test import golden_images
from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import InputRefused


class Times(NamedTuple):
    """Holds the seconds of one side, a figure a round, in order.

    clock: wall-clock time, which the claims are about.
    processor: processor time of all threads and child processes; it is printed too, because on a
        machine that is busy with other work it says more.
    """

    clock: list[float]
    processor: list[float]


def times_of(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Returns how long each side took in each round, after a round that warms up."""
    times = {side: Times([], []) for side in sides}
    for number in range(rounds + 1):
        for side, work in sides.items():
            processor, clock = _processor_s(), time.perf_counter()
            work()
            if number:
                times[side].clock.append(time.perf_counter() - clock)
                times[side].processor.append(_processor_s() - processor)
    for side, measured in times.items():
        clock_s, processor_s = ([round(seconds, 3) for seconds in part] for part in measured)
        print(f"{side}: {clock_s} s, processor {processor_s} s")
    return times


def usage_of(*words: str) -> resource.struct_rusage:
    """Runs `python -m WORDS...` and returns the processor time and memory that it used."""
    with subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"expected {' '.join(words)} to end with 0, found {process.returncode}")
    return usage


def median_ratio(first: Times, second: Times) -> tuple[float, float]:
    """Returns `first` over `second`, each the median over the rounds: clock and processor time."""
    clock, processor = (
        median(a / b for a, b in zip(*pair, strict=True))
        for pair in zip(first, second, strict=True)
    )
    return clock, processor


def median_difference(first: Times, second: Times) -> tuple[float, float]:
    """Returns `first` less `second` in s, medians over the rounds: clock and processor time."""
    clock, processor = (
        median(a - b for a, b in zip(*pair, strict=True))
        for pair in zip(first, second, strict=True)
    )
    return clock, processor


def _processor_s() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


def tflite_file(bundle: Path) -> Path:
    """Returns the model file that `Classifier` takes from this bundle, for the bare side.

    Raises:
        InputRefused: it is no `.tflite` file; the bare scripts need one with a uint8 input.
    """
    file = Classifier(bundle).file
    if file.suffix != ".tflite":
        raise InputRefused(
            str(bundle),
            f"expected a bundle whose first choice is a .tflite file, found {file.name}",
        )
    return file


def golden_image(bundle: Path) -> Path:
    """Returns the first golden image of the bundle."""
    return golden_images(Bundle.open(bundle).path)[0]
