"""What the Keras model and each artifact answer for every picture of a split: each picture decoded once, on all cores.

Each picture goes from its file through `runtime.preprocess` and the artifact's own interpreter, as it will on the device.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from export.trained import Run
from runtime.ahead import work_ahead
from runtime.classifier import Classifier
from runtime.preprocess import preprocess
from runtime.progress import Progress
from runtime.run_folder import Picture
from runtime.threads import allowed_cores

BATCH = 32
AHEAD = 2
"""Batches being decoded and classified while the Keras model works on one."""

Reference = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""The Keras model: (n, height, width, 3) uint8 RGB pixels -> (n, classes) float32 scores, 0..1."""

Answers = dict[str, NDArray[np.float32]]
"""(n, classes) float32 scores by model file name."""

Answer = TypeVar("Answer")


def collect(run: Run, pictures: Sequence[Picture], reference: Reference, files: Sequence[Path]) -> tuple[NDArray[np.float32], Answers]:
    """Scores of the Keras model, (n, classes) float32, and of each model file, in the order of `pictures`.

    A core takes a picture at a time: more pictures a second than all cores on one.

    Raises:
        CheckFailed: a model answers NaN.
        InputRefused: a picture is gone or changed, or a file cannot be run.
    """
    cores = allowed_cores()
    classifiers = [Classifier(file, threads=1) for file in files]

    def answer(picture: Picture) -> tuple[NDArray[np.uint8], list[NDArray[np.float32]]]:
        pixels = preprocess(run.read(picture), run.manifest.preprocessing)
        return pixels, [classifier.scores(pixels) for classifier in classifiers]

    expected: list[NDArray[np.float32]] = []
    answers: list[list[NDArray[np.float32]]] = []
    ahead = work_ahead(answer, pictures, threads=cores, ahead=BATCH * AHEAD)
    with closing(ahead) as results, Progress("parity", len(pictures)) as bar:
        for batch in _batches(results):
            expected.append(reference(np.stack([pixels for pixels, _ in batch])))
            answers += [scores for _, scores in batch]
            bar.advance(len(batch))
    by_file = {file.name: np.stack([scores[index] for scores in answers]) for index, file in enumerate(files)}
    return np.concatenate(expected), by_file


def _batches(results: Iterator[tuple[Picture, Callable[[], Answer]]]) -> Iterator[list[Answer]]:
    while batch := [result() for _, result in islice(results, BATCH)]:
        yield batch
