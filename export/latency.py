"""How long one picture takes here, each artifact in turn, so that a busy moment is shared by all of them. It gates nothing."""

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from runtime.classifier import Classifier
from runtime.progress import Progress

ROUNDS = 30
WARM_UP_RUNS, WARM_UP_S = 3, 0.5
SHARE_S = 3.0
"""No artifact is timed for longer than this, whatever it is (TFLite's int16x8 kernels are 50 times slower than its int8 ones)."""


@dataclass(frozen=True)
class Latency:
    """The median of `runs` timed calls of `Classifier.scores` on decoded pixels, on this processor with so many interpreter threads."""

    p50_ms: float
    runs: int
    threads: int
    cpu: str


def measure(classifiers: Mapping[str, Classifier], pixels: NDArray[np.uint8]) -> dict[str, Latency]:
    """The latency of each classifier on one picture, (height, width, 3) uint8 RGB: up to 30 rounds over all of them.

    In its turn a classifier runs twice and the second is timed: the first finds the caches full of another model, and the threads of
    ONNX Runtime still spinning after it. One leaves the rounds when its 3 s are used up; each is timed at least once.
    """
    taken: dict[str, list[float]] = {name: [] for name in classifiers}
    spent = dict.fromkeys(classifiers, 0.0)
    with Progress("latency", ROUNDS) as bar:
        for classifier in classifiers.values():
            _warm_up(classifier, pixels)
        for _ in range(ROUNDS):
            for name, classifier in classifiers.items():
                if spent[name] < SHARE_S:
                    first, second = _seconds(classifier, pixels), _seconds(classifier, pixels)
                    taken[name].append(second)
                    spent[name] += first + second
            bar.advance()
    cpu = cpu_name()
    return {
        name: Latency(round(1000 * median(seconds), 3), len(seconds), classifiers[name].threads, cpu) for name, seconds in taken.items()
    }


def cpu_name(table: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name where Linux knows it, else its architecture."""
    try:
        lines = table.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next((name for name in named if name), platform.machine())


def _warm_up(classifier: Classifier, pixels: NDArray[np.uint8]) -> None:
    spent = 0.0
    for _ in range(WARM_UP_RUNS):
        spent += _seconds(classifier, pixels)
        if spent > WARM_UP_S:
            return


def _seconds(classifier: Classifier, pixels: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    classifier.scores(pixels)
    return time.perf_counter() - start
