"""Two sides of a claim, measured in turn in one run: what slows the machine for a while slows both."""

import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from runtime.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import InputRefused


class Times(NamedTuple):
    """Of one side, a figure a round, in order: seconds by the clock, and seconds of processor time of all threads and child processes.

    The clock is what a claim is about. On a machine busy with other work the processor's seconds say more, and are printed beside it.
    """

    clock: list[float]
    processor: list[float]


def times_of(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """How long each side took in each round. A first round, not counted, warms up."""
    times = {side: Times([], []) for side in sides}
    for number in range(rounds + 1):
        for side, work in sides.items():
            processor, clock = _processor_s(), time.perf_counter()
            work()
            if number:
                times[side].clock.append(time.perf_counter() - clock)
                times[side].processor.append(_processor_s() - processor)
    for side, one in times.items():
        print(f"{side}: {[round(seconds, 3) for seconds in one.clock]} s, processor {[round(seconds, 3) for seconds in one.processor]} s")
    return times


def median_ratio(one: Times, other: Times) -> tuple[float, float]:
    """How many times longer `one` took than `other`, as the median over the rounds: by the clock, and in processor time."""
    clock = median(mine / theirs for mine, theirs in zip(one.clock, other.clock, strict=True))
    return clock, median(mine / theirs for mine, theirs in zip(one.processor, other.processor, strict=True))


def median_difference(one: Times, other: Times) -> tuple[float, float]:
    """How many seconds longer `one` took than `other`, as the median over the rounds: by the clock, and in processor time."""
    clock = median(mine - theirs for mine, theirs in zip(one.clock, other.clock, strict=True))
    return clock, median(mine - theirs for mine, theirs in zip(one.processor, other.processor, strict=True))


def _processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def tflite_file(bundle: Path) -> Path:
    """The model file that `Classifier` takes from this bundle, for the bare side.

    Raises:
        InputRefused: it is not a `.tflite` with a uint8 input, which the bare scripts are written for.
    """
    classifier = Classifier(bundle)
    if classifier.file.suffix != ".tflite":
        raise InputRefused(str(bundle), f"expected a bundle whose first choice is a .tflite file, found {classifier.file.name}")
    return classifier.file


def golden_picture(bundle: Path) -> Path:
    """The first of the pictures that travel with the bundle."""
    return next(file for file in sorted((Bundle.open(bundle).path / "golden").iterdir()) if file.suffix != ".json")
