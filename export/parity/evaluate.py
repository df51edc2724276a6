"""Scores every image of a split with the Keras model and each artifact, on all cores.

Each image is decoded once. It goes from its file through `runtime.images.preprocessing` and the
artifact's own interpreter, as it will on the device.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun
from runtime.classifier import Classifier
from runtime.images.preprocessing import preprocess
from runtime.shared.progress import Progress
from runtime.system.cgroups import allowed_cores
from runtime.system.prefetch import ordered_parallel_map
from workstation.run_folder import ImageRecord

BATCH = 32
AHEAD = 2
"""Batches that are decoded and classified while the Keras model works on one."""
AT_A_TIME = 8
"""Images that a thread takes at once; with 1, switching between threads takes 9 % of the time."""

Reference = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""The Keras model: (n, height, width, channels) uint8 -> (n, classes) float32 scores, 0..1."""


class Outputs(NamedTuple):
    """Holds (n, classes) float32 scores, 0..1, and similarities, -1..1, if there are any."""

    scores: NDArray[np.float32]
    similarities: NDArray[np.float32] | None


ReferenceOutputs = Callable[[NDArray[np.uint8]], Outputs]
"""The Keras model with the similarities to its own prototypes, on the same pixels."""

_ScoredImage = tuple[
    NDArray[np.uint8], list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]
]
"""The pixels of an image, and the (classes,) outputs of each artifact."""


def score_all(
    run: TrainedRun,
    images: Sequence[ImageRecord],
    reference: ReferenceOutputs,
    files: Sequence[Path],
) -> tuple[Outputs, dict[str, Outputs]]:
    """Returns the outputs of the Keras model, and of each model file by its name.

    They are in the order of `images`. Each core takes one image at a time, which gives more
    images per second than all cores on one image.

    Raises:
        CheckFailed: a model answers NaN.
        InputRefused: an image is gone or changed, or a file cannot be run.
    """
    classifiers = [Classifier(file, threads=1, checked=True) for file in files]

    def score(image: ImageRecord) -> _ScoredImage:
        pixels = preprocess(run.read(image), run.manifest.preprocessing)
        return pixels, [classifier.raw_outputs(pixels) for classifier in classifiers]

    of_reference: list[Outputs] = []
    of_files: list[Any] = []
    ahead = ordered_parallel_map(
        score, images, threads=allowed_cores(), ahead=BATCH * AHEAD, batch=AT_A_TIME
    )
    with closing(ahead) as results, Progress("parity", len(images)) as bar:
        for batch in _batches(results):
            of_reference.append(reference(np.stack([pixels for pixels, _ in batch])))
            of_files += [outputs for _, outputs in batch]
            bar.advance(len(batch))
    by_file = {
        file.name: _joined([row[index] for row in of_files], np.stack)
        for index, file in enumerate(files)
    }
    return _joined(of_reference, np.concatenate), by_file


def _joined(parts: Sequence[Any], join: Callable[[list[Any]], Any]) -> Outputs:
    scores = join([scores for scores, _ in parts])
    similarities = [similarities for _, similarities in parts]
    return Outputs(scores, None if similarities[0] is None else join(similarities))


def _batches(
    results: Iterator[tuple[ImageRecord, Callable[[], _ScoredImage]]],
) -> Iterator[list[_ScoredImage]]:
    while batch := [result() for _, result in islice(results, BATCH)]:
        yield batch
