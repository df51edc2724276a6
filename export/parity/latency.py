"""Measures how long one image takes here, each artifact in turn; the gate does not use it.

In turn, because then a moment in which the machine is busy hits all artifacts.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from runtime.classifier import Classifier
from runtime.shared.progress import Progress
from runtime.system.cpu_model import architecture, read_cpu_model

ROUNDS = 30
WARM_UP_RUNS, WARM_UP_S = 3, 0.5
MAX_TIMED_S = 3.0
"""The time for one artifact: TFLite's int16x8 kernels are 50 times slower than its int8 ones."""


@dataclass(frozen=True)
class Latency:
    """The median time of `Classifier.scores` on decoded pixels, over some `calls`.

    cpu_model: this machine's processor. threads: of the interpreter.
    """

    p50_ms: float
    calls: int
    threads: int
    cpu_model: str


def measure_in_turn(
    classifiers: Mapping[str, Classifier], pixels: NDArray[np.uint8]
) -> dict[str, Latency]:
    """Returns the latency of each classifier on one image, in up to 30 rounds over all of them.

    In its turn a classifier runs twice and the second run is timed: the first finds the caches full
    of another model, and the threads of ONNX Runtime still spinning after it. A classifier leaves
    the rounds after 3 s; each is timed at least once. `pixels` are (height, width, 3) uint8 RGB.
    """
    timed_s: dict[str, list[float]] = {name: [] for name in classifiers}
    spent_s = dict.fromkeys(classifiers, 0.0)
    with Progress("latency", ROUNDS) as bar:
        for classifier in classifiers.values():
            _warm_up(classifier, pixels)
        for _ in range(ROUNDS):
            for name, classifier in classifiers.items():
                if spent_s[name] < MAX_TIMED_S:
                    first, second = _run_s(classifier, pixels), _run_s(classifier, pixels)
                    timed_s[name].append(second)
                    spent_s[name] += first + second
            bar.advance()
    cpu = read_cpu_model() or architecture()
    return {
        name: Latency(
            p50_ms=round(1000 * median(seconds), 3),
            calls=len(seconds),
            threads=classifiers[name].threads,
            cpu_model=cpu,
        )
        for name, seconds in timed_s.items()
    }


def _warm_up(classifier: Classifier, pixels: NDArray[np.uint8]) -> None:
    spent = 0.0
    for _ in range(WARM_UP_RUNS):
        spent += _run_s(classifier, pixels)
        if spent > WARM_UP_S:
            return


def _run_s(classifier: Classifier, pixels: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    classifier.scores(pixels)
    return time.perf_counter() - start
