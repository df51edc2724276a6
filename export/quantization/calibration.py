"""Chooses the representative dataset, the images on which activation ranges are measured."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.inputs.trained_run import TrainedRun, stratified_sample
from runtime.errors import CheckFailed, InputRefused
from runtime.images.preprocessing import preprocess
from runtime.shared.progress import track
from runtime.system.hashing import sha256_of
from workstation.run_folder import ImageRecord

FLAT_LEVELS = 4
"""An image is one single colour if its pixels differ by fewer than this of 255 levels, as the noise
behind a covered lens does."""


@dataclass(frozen=True)
class Calibration:
    """Holds training images that are not test images, and their pixels.

    pixels: (n, height, width, channels) uint8, so never NaN.
    left_out: the number of training files with the same content as a test image.
    repeated: the number of files with the same content as another training file.
    """

    seed: int
    images: tuple[ImageRecord, ...]
    pixels: NDArray[np.uint8]
    left_out: int = 0
    repeated: int = 0

    @property
    def id(self) -> str:
        """The sha256 of the pixels in order: sets with the same id give the same ranges."""
        return sha256_of(self.pixels)

    @property
    def counts(self) -> dict[str, int]:
        """The number of images of each class that has some."""
        return dict(sorted(Counter(image.label for image in self.images).items()))

    @property
    def flat_images(self) -> int:
        """The number of images that are one single colour."""
        return int(np.sum(np.ptp(self.pixels, axis=(1, 2)).max(axis=1) < FLAT_LEVELS))


def choose_calibration(run: TrainedRun, count: int, seed: int) -> Calibration:
    """Returns at most `count` training images, chosen by `seed` and evenly over the classes.

    Each content is taken once, and none that is a test image too.

    Raises:
        InputRefused: the run has no training images, all of them are test images, or one is missing
            or changed.
        CheckFailed: all images are one and the same colour.
    """
    training = run.split("train")
    tested = {image.sha256 for image in run.images if image.split == "test"}
    untested = [image for image in training if image.sha256 not in tested]
    distinct = _without_repetitions(untested or training)
    chosen = stratified_sample(distinct, count, seed)
    pixels = np.stack(
        [
            preprocess(run.read(image), run.manifest.preprocessing)
            for image in track(chosen, "calibration images", len(chosen))
        ]
    )
    if np.ptp(pixels, axis=(0, 1, 2)).max() < FLAT_LEVELS:
        raise CheckFailed(
            "calibration",
            f"all {len(pixels)} images are one single colour, which has no range to measure;"
            " choose others",
        )
    if not untested:
        raise InputRefused(
            "calibration",
            f"the content of all {len(training)} training images is in the test split too;"
            " ranges must come from other images",
        )
    left_out, repeated = len(training) - len(untested), len(untested) - len(distinct)
    return Calibration(seed, tuple(chosen), pixels, left_out, repeated)


def _without_repetitions(images: list[ImageRecord]) -> list[ImageRecord]:
    """Keeps the first image of each content, in the order of the last image of each."""
    first_of = {image.sha256: image for image in reversed(images)}
    return list(first_of.values())[::-1]
