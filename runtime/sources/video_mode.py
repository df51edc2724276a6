"""Chooses the pixel format and size to request from a camera."""

from collections.abc import Sequence
from typing import NamedTuple

from runtime.errors import MachineError
from runtime.sources.pixel_formats import COMPRESSED, PIXEL_BYTES

MIN_SIZE = (640, 480)
"""A classifier's input has some 200 to 300 pixels a side; a larger frame only costs time."""
COMPRESSED_RATE, RAW_RATE = 30, 15
"""Requested frames per second.

Each raw frame is converted when it arrives; a compressed one is decoded only if it is classified.
"""


class SizeRange(NamedTuple):
    """A range of (width, height) in pixels with its steps; one size if both ends are equal."""

    smallest: tuple[int, int]
    largest: tuple[int, int]
    step: tuple[int, int]


class OfferedFormat(NamedTuple):
    """A pixel format (V4L2 name) and its sizes; no sizes if the driver does not report them."""

    pixels: str
    sizes: tuple[SizeRange, ...]


class VideoMode(NamedTuple):
    """What to request: pixel format, width and height in pixels, frames per second."""

    pixels: str
    width: int
    height: int
    rate: int


def choose_mode(offered: Sequence[OfferedFormat], name: str) -> VideoMode:
    """Returns the cheapest format, at its smallest size from 640x480, or else at its largest size.

    Raises:
        MachineError: the camera `name` offers no supported format.
    """
    supported = [form for form in offered if form.pixels in PIXEL_BYTES]
    if not supported:
        formats = ", ".join(form.pixels for form in offered) or "none"
        raise MachineError(
            name,
            f"expected one of the pixel formats {', '.join(PIXEL_BYTES)}, found {formats} "
            "(the source for a Pi's camera module is picamera2)",
        )
    cheapest = min(supported, key=lambda form: list(PIXEL_BYTES).index(form.pixels))
    sizes = [_nearest_size(size_range) for size_range in cheapest.sizes] or [MIN_SIZE]
    sufficient = [size for size in sizes if size[0] >= MIN_SIZE[0] and size[1] >= MIN_SIZE[1]]
    width, height = min(sufficient, key=_area) if sufficient else max(sizes, key=_area)
    rate = COMPRESSED_RATE if cheapest.pixels in COMPRESSED else RAW_RATE
    return VideoMode(cheapest.pixels, width, height, rate)


def _nearest_size(sizes: SizeRange) -> tuple[int, int]:
    """Returns the smallest size of the range that reaches MIN_SIZE, or else its largest size."""
    width, height = (
        _nearest_side(smallest, largest, max(step, 1), minimum)
        for smallest, largest, step, minimum in zip(*sizes, MIN_SIZE, strict=True)
    )
    return width, height


def _nearest_side(smallest: int, largest: int, step: int, minimum: int) -> int:
    steps = -(-max(0, minimum - smallest) // step)
    return min(largest, smallest + steps * step)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
