"""Chooses the training images that prototypes come from, and measures their features in a file."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun, stratified_sample
from runtime.classifier import Classifier
from runtime.images.preprocessing import preprocess
from runtime.shared.progress import Progress, track
from runtime.system.cgroups import allowed_cores
from runtime.system.prefetch import ordered_parallel_map

MAX_IMAGES = 600
"""Training images at most, as evenly over the classes as possible; a class has at least
MIN_PER_CLASS of them if it has so many."""
MIN_PER_CLASS = 10
MAX_BYTES = 256 * 2**20
"""Of their pixels, which are kept in memory for all files of an export."""


class SimilaritySample(NamedTuple):
    """Holds (n, height, width, channels) uint8 pixels and the (n,) index of each image's class.

    paths: of the images, below the data folder.
    """

    pixels: NDArray[np.uint8]
    truth: NDArray[np.int64]
    paths: tuple[str, ...] = ()


def choose_sample(
    run: TrainedRun,
    seed: int,
    reference: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    decoded: Mapping[str, NDArray[np.uint8]],
) -> SimilaritySample:
    """Returns training images of every class.

    Calibration images of an external model have no class, so the model's own answer stands for it.
    `decoded` has the pixels of some images, by path.

    Raises:
        InputRefused: the run has no training images, or one is missing or changed.
    """
    labels, preprocessing = run.manifest.labels, run.manifest.preprocessing
    count = max(MAX_IMAGES, MIN_PER_CLASS * len(labels))
    count = max(len(labels), min(count, MAX_BYTES // int(np.prod(preprocessing.shape))))
    images = stratified_sample(run.split("train"), count, seed)
    pixels = np.stack(
        [
            decoded[image.path]
            if image.path in decoded
            else preprocess(run.read(image), preprocessing)
            for image in track(images, "prototype images", len(images))
        ]
    )
    known = {label: index for index, label in enumerate(labels)}
    truth = np.array([known.get(image.label, -1) for image in images])
    if (truth < 0).any():
        truth = np.where(truth < 0, reference(pixels).argmax(1), truth)
    return SimilaritySample(pixels, truth, tuple(image.path for image in images))


def file_features(file: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns the (n, size) second outputs of a model file.

    Raises:
        CheckFailed: the model answers NaN.
    """
    classifier = Classifier(file, threads=1, checked=True)

    def features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = classifier.raw_outputs(image)[1]
        assert values is not None
        return values

    rows = ordered_parallel_map(features, iter(pixels), threads=allowed_cores(), ahead=64)
    found = []
    with closing(rows) as results, Progress("features", len(pixels)) as bar:
        for _, result in results:
            found.append(result())
            bar.advance()
    return np.stack(found)
