"""Turns 16-bit grey into 8 bits, by its upper bits or by a range that was fitted on the data."""

import numpy as np
from PIL import Image

from runtime.arrays import NDArray
from runtime.errors import ImageRefused

Grey16 = tuple[int, int]
"""(low, high): the values that become 0 and 255; values beyond them become 0 and 255, too."""
LOWEST, HIGHEST = -(2**15), 2**16 - 1
"""The lowest value of signed 16 bits, and the highest of unsigned ones."""
BITS_PER_SAMPLE, SAMPLE_FORMAT, SIGNED = 258, 339, 2
"""Tags of TIFF 6.0, and the value of a SampleFormat with a sign."""
BLOCK_ROWS = 256


def is_grey16(image: Image.Image) -> bool:
    """Checks whether an image, not decoded or converted yet, is 16-bit grey, signed or unsigned."""
    if image.mode.startswith("I;16") or is_signed_grey16(image):
        return True
    return image.mode == "I" and image.format == "PPM"  # Pillow stretches a PGM to 0..65535


def is_signed_grey16(image: Image.Image) -> bool:
    """Checks whether an image, not converted yet, is a TIFF of signed 16-bit grey."""
    if image.mode != "I" or image.format != "TIFF":
        return False
    tags = image.tag_v2  # type: ignore[attr-defined]
    return (tags.get(BITS_PER_SAMPLE), tags.get(SAMPLE_FORMAT)) == ((16,), (SIGNED,))


def to_8_bits(image: Image.Image, grey16: Grey16 | None, *, signed: bool) -> Image.Image:
    """Returns a 16-bit grey image as 8-bit grey.

    Without a range the upper 8 bits are kept. With one, a value v becomes
    ((v - low) * 255 + (high - low) // 2) // (high - low), which is rounded.

    Raises:
        ImageRefused: the image is signed, and there is no range.
    """
    values = np.asarray(image)
    if grey16 is None:
        if signed:
            raise ImageRefused(
                "image",
                "signed 16-bit grey has no 8-bit rule, because values may be negative; save it as "
                "unsigned 16-bit or 8-bit, or train with --grey16 data-range",
            )
        return Image.fromarray((values >> 8).astype(np.uint8))
    low, high = grey16
    levels = np.clip(np.arange(LOWEST, HIGHEST + 1), low, high) - low
    table = ((levels * 255 + (high - low) // 2) // (high - low)).astype(np.uint8)
    pixels = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), BLOCK_ROWS):  # an index takes 8 times the memory
        rows = slice(start, start + BLOCK_ROWS)
        pixels[rows] = table[values[rows].astype(np.int32) - LOWEST]
    return Image.fromarray(pixels)


def count_values(image: Image.Image) -> NDArray[np.int64]:
    """Returns how many pixels of a decoded 16-bit grey image have each value, LOWEST to HIGHEST."""
    counts = np.zeros(HIGHEST - LOWEST + 1, np.int64)
    values = np.asarray(image)
    for start in range(0, len(values), BLOCK_ROWS):
        rows = values[start : start + BLOCK_ROWS].astype(np.int32).ravel() - LOWEST
        counts += np.bincount(rows, minlength=len(counts))
    return counts
