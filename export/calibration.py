"""The representative dataset that int8 conversion measures activation ranges on."""

import numpy as np
from numpy.typing import NDArray

from export.trained import Run, balanced
from runtime.errors import CheckFailed
from runtime.preprocess import preprocess
from runtime.progress import track


def calibration_pixels(run: Run, count: int, seed: int) -> NDArray[np.uint8]:
    """(n, height, width, 3) uint8 RGB of at most `count` training pictures, seeded, evenly over the classes.

    Raises:
        InputRefused: the run has no training pictures, or one is gone or changed.
        CheckFailed: every pixel of all of them is the same.
    """
    chosen = balanced(run.split("train"), count, seed)
    pixels = [preprocess(run.read(picture), run.manifest.preprocessing) for picture in track(chosen, "calibration pictures", len(chosen))]
    calibration = np.stack(pixels)
    if calibration.min() == calibration.max():
        raise CheckFailed("calibration", f"all {len(pixels)} pictures are one single colour: no range can be measured on them")
    return calibration
