"""Makes a small grey image of a region, by which frames are compared before they are decoded."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.images.decoding import raise_image_refused, small_copy
from runtime.images.region import WHOLE, Region, crop_region
from runtime.images.upright import upright_rgb

MAX_SIDE = 32
SAMPLES = 4
"""Pixels of a side that make one of the result, which removes most of the noise."""


def small_grey(image: Image.Image, region: Region | None, name: str = "image") -> NDArray[np.uint8]:
    """Returns (n, n) uint8 grey of a region, 0..255; n is 32, or less for a small region.

    A JPEG that is not decoded stays so: a copy is decoded at a small scale, its luma alone.

    Raises:
        ImageRefused: the image is broken.
    """
    with raise_image_refused(name):
        shown = small_copy(image, round(SAMPLES * MAX_SIDE / min((region or WHOLE)[2:])))
        part = crop_region(upright_rgb(shown), region)
        side = max(1, min(MAX_SIDE, min(part.size) // SAMPLES))
        samples = part.resize((SAMPLES * side, SAMPLES * side), Image.Resampling.NEAREST)
        return np.asarray(samples.convert("L").resize((side, side), Image.Resampling.BOX))
