"""The input size a run takes when the user names none: as large as the backbone was made for, never larger than the pictures."""

from pathlib import Path

import numpy as np

from runtime.errors import PictureRefused
from runtime.opening import header_size, read_picture
from runtime.sources.files import walk

STRIDE = 32
"""Sizes are a multiple of what the backbones shrink a picture by."""
SAMPLE = 200


def choose_input_size(data: Path, native: int, smallest: int = STRIDE) -> int:
    """The backbone's `native` side, or where the pictures are smaller, the multiple of 32 next below their median shorter side.

    Never less than the multiple of 32 next above `smallest`.

    The median is over 200 files spread evenly over the folder; files that are no pictures are left to `scan` to name.
    """
    files = list(walk(data))
    sides = []
    for path in files[:: max(1, len(files) // SAMPLE)]:
        try:
            sides.append(min(header_size(read_picture(path))))
        except PictureRefused:
            continue
    if not sides:
        return native
    least = -(-smallest // STRIDE) * STRIDE
    return min(native, max(least, int(np.median(sides)) // STRIDE * STRIDE))
