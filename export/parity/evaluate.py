"""Scores every image of a split with the Keras model and each artifact, on all cores.

Each image is decoded once. It goes from its file through `runtime.images.preprocessing` and the
artifact's own interpreter, as it will on the device.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun
from runtime.classifier import Classifier
from runtime.images.preprocessing import preprocess
from runtime.shared.progress import Progress
from runtime.system.cpu_quota import allowed_cores
from runtime.system.prefetch import ordered_parallel_map
from workstation.run_folder import ImageRecord

BATCH = 32
AHEAD = 2
"""Batches that are decoded and classified while the Keras model works on one."""

Reference = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""The Keras model: (n, height, width, channels) uint8 -> (n, classes) float32 scores, 0..1."""

FileScores = dict[str, NDArray[np.float32]]
"""(n, classes) float32 scores by model file name."""

_ScoredImage = tuple[NDArray[np.uint8], list[NDArray[np.float32]]]
"""The pixels of an image, and the scores of each artifact."""


def score_all(
    run: TrainedRun, images: Sequence[ImageRecord], reference: Reference, files: Sequence[Path]
) -> tuple[NDArray[np.float32], FileScores]:
    """Returns the scores of the Keras model, (n, classes) float32, and of each model file.

    The scores are in the order of `images`. Each core takes one image at a time, which gives more
    images per second than all cores on one image.

    Raises:
        CheckFailed: a model answers NaN.
        InputRefused: an image is gone or changed, or a file cannot be run.
    """
    classifiers = [Classifier(file, threads=1, checked=True) for file in files]

    def score(image: ImageRecord) -> _ScoredImage:
        pixels = preprocess(run.read(image), run.manifest.preprocessing)
        return pixels, [classifier.scores(pixels) for classifier in classifiers]

    reference_scores: list[NDArray[np.float32]] = []
    scores: list[list[NDArray[np.float32]]] = []
    ahead = ordered_parallel_map(score, images, threads=allowed_cores(), ahead=BATCH * AHEAD)
    with closing(ahead) as results, Progress("parity", len(images)) as bar:
        for batch in _batches(results):
            reference_scores.append(reference(np.stack([pixels for pixels, _ in batch])))
            scores += [file_scores for _, file_scores in batch]
            bar.advance(len(batch))
    by_file = {
        file.name: np.stack([row[index] for row in scores]) for index, file in enumerate(files)
    }
    return np.concatenate(reference_scores), by_file


def _batches(
    results: Iterator[tuple[ImageRecord, Callable[[], _ScoredImage]]],
) -> Iterator[list[_ScoredImage]]:
    while batch := [result() for _, result in islice(results, BATCH)]:
        yield batch
