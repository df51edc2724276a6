"""Opens model files of any quantizer and times them in turn, each time in a fresh process.

The place of a model in memory is worth some per cent of its time, and changes with the process.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import thread_time

import numpy as np

from runtime.classifier import Classifier
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import UNNORMALIZED

OURS = "ours"
"""The name, without suffix, of a file that states its labels and normalization itself."""
PROCESSES, ROUNDS = 5, 60
SLOW_S, SLOW_ROUNDS = 0.02, 10
"""A file whose first run takes longer than SLOW_S has SLOW_ROUNDS only."""


def open_file(file: Path, labels: tuple[str, ...]) -> Classifier:
    """Returns a classifier on one thread; the file of another quantizer takes pixels 0..255."""
    spec = None if file.stem == OURS else ModelSpec(labels, normalization=UNNORMALIZED)
    return Classifier(file, threads=1, spec=spec, checked=True)


def p50_ms(files: Sequence[Path], labels: tuple[str, ...]) -> list[float]:
    """Returns the processor time of one run of each file's interpreter, on one thread, in ms.

    It is the median over the processes of the median over the rounds. Each file runs twice in a
    round and the second run is timed, because the first finds the other files' data in the caches.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        rows = list(pool.map(_medians_ms, [files] * PROCESSES, [labels] * PROCESSES))
    return [median(column) for column in zip(*rows, strict=True)]


def _medians_ms(files: Sequence[Path], labels: tuple[str, ...]) -> list[float]:
    sides = []
    for file in files:
        classifier = open_file(file, labels)
        shape = classifier.preprocessing.shape
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        sides.append((classifier.backend, classifier.model.encode(pixels)))
    samples_s: list[list[float]] = [[] for _ in sides]
    for number in range(ROUNDS):
        for (backend, values), taken_s in zip(sides, samples_s, strict=True):
            if number >= SLOW_ROUNDS and taken_s[0] > SLOW_S:
                continue
            backend.run(values)
            start = thread_time()
            backend.run(values)
            taken_s.append(thread_time() - start)
    return [1e3 * median(taken_s) for taken_s in samples_s]
