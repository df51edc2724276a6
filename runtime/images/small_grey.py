"""Makes a small grey image of a region, by which frames are compared before they are decoded."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from runtime.arrays import NDArray
from runtime.images.decoding import raise_image_refused, small_copy
from runtime.images.region import WHOLE, Region, crop_region
from runtime.images.upright import upright_rgb

MAX_SIDE = 32
SAMPLES = 4
"""Pixels of a side that make one of the result, which removes most of the noise."""


def small_image(
    image: Image.Image, regions: Sequence[Region | None], name: str = "image"
) -> Image.Image:
    """Returns an image, decoded, that `small_grey` takes for these regions instead of `image`.

    A JPEG that is not decoded stays so: a copy is decoded at a small scale, its luma alone.

    Raises:
        ImageRefused: the image is broken.
    """
    narrowest = min(min((region or WHOLE)[2:]) for region in regions)
    with raise_image_refused(name):
        small = small_copy(image, round(SAMPLES * MAX_SIDE / narrowest))
        small.load()
    return small


def small_grey(image: Image.Image, region: Region | None, name: str = "image") -> NDArray[np.uint8]:
    """Returns (n, n) uint8 grey of a region, 0..255; n is 32, or less for a small region.

    Raises:
        ImageRefused: the image is broken.
    """
    part = crop_region(upright_rgb(small_image(image, [region], name)), region)
    side = max(1, min(MAX_SIDE, min(part.size) // SAMPLES))
    samples = part.resize((SAMPLES * side, SAMPLES * side), Image.Resampling.NEAREST)
    return np.asarray(samples.convert("L").resize((side, side), Image.Resampling.BOX))
