"""Scores images with one or several classifiers, on all cores."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TypeVar

import numpy as np

from runtime.arrays import NDArray
from runtime.classifier import Classifier
from runtime.errors import ImageRefused
from runtime.images.preprocessing import preprocess
from runtime.shared.progress import Progress
from runtime.system.prefetch import ordered_parallel_map

AHEAD = 4
"""Images for each core that may be in work or done before the one that is counted next."""
Scores = NDArray[np.float32]
Item = TypeVar("Item")


def score_images(
    classifiers: Sequence[Classifier],
    images: Sequence[Item],
    read: Callable[[Item], bytes],
    on_refused: Callable[[Item, ImageRefused], None] | None = None,
) -> tuple[list[Item], list[Scores]]:
    """Returns the images that were read, and the (n, classes) scores of each classifier for them.

    Each image is decoded once, and resized once for each preprocessing.

    Args:
        classifiers: opened with `throughput`.
        images: in any form.
        read: returns the content of an image's file.
        on_refused: takes an image that cannot be read, which is then left out; without it, that
            is an error.

    Raises:
        ImageRefused: an image cannot be read.
        CheckFailed: a model answers NaN.
    """
    geometries = {classifier.preprocessing for classifier in classifiers}

    def score(image: Item) -> list[Scores]:
        content = read(image)
        pixels = {geometry: preprocess(content, geometry) for geometry in geometries}
        return [classifier.scores(pixels[classifier.preprocessing]) for classifier in classifiers]

    streams = min(classifier.streams for classifier in classifiers)
    results = ordered_parallel_map(score, images, threads=streams, ahead=AHEAD * streams)
    kept: list[Item] = []
    rows: list[list[Scores]] = []
    with closing(results), Progress("accuracy", len(images)) as bar:
        for image, result in results:
            try:
                rows.append(result())
                kept.append(image)
            except ImageRefused as refusal:
                if on_refused is None:
                    raise
                on_refused(image, refusal)
            bar.advance()
    return kept, [np.stack(column) for column in zip(*rows, strict=True)]
