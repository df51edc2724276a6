"""Which of the formats and sizes that a camera offers is asked for."""

from collections.abc import Sequence
from typing import NamedTuple

from runtime.errors import MachineError
from runtime.sources.pixels import PIXELS

ENOUGH = (640, 480)
"""A classifier takes some 200 to 300 pixels a side: more than twice that is only work."""
COMPRESSED_RATE, RAW_RATE = 30, 15
"""Frames per second asked for. Raw frames are each converted as they come, compressed ones only when they are classified."""


class Sizes(NamedTuple):
    """(width, height) in pixels: one size, or a range of them in steps."""

    smallest: tuple[int, int]
    largest: tuple[int, int]
    step: tuple[int, int]


class Mode(NamedTuple):
    """A pixel format by its V4L2 name and the sizes it comes in; none where the driver does not say."""

    pixels: str
    sizes: tuple[Sizes, ...]


class Choice(NamedTuple):
    """What to ask for: pixel format, width and height in pixels, frames per second."""

    pixels: str
    width: int
    height: int
    rate: int


def choose_mode(offered: Sequence[Mode], name: str) -> Choice:
    """The format that costs least to take, at the smallest size of at least 640x480, else at the largest there is.

    Raises:
        MachineError: `name` offers no format that is known here.
    """
    known = [mode for mode in offered if mode.pixels in PIXELS]
    if not known:
        found = ", ".join(mode.pixels for mode in offered) or "none"
        expected = f"expected one of the pixel formats {', '.join(PIXELS)}, found {found}"
        raise MachineError(name, f"{expected} (the source for a Pi's camera module is picamera2)")
    mode = min(known, key=lambda mode: list(PIXELS).index(mode.pixels))
    sizes = [_nearest(size) for size in mode.sizes] or [ENOUGH]
    enough = [size for size in sizes if size[0] >= ENOUGH[0] and size[1] >= ENOUGH[1]]
    width, height = min(enough, key=_area) if enough else max(sizes, key=_area)
    return Choice(mode.pixels, width, height, COMPRESSED_RATE if mode.pixels in ("MJPEG", "JPEG") else RAW_RATE)


def _nearest(sizes: Sizes) -> tuple[int, int]:
    """The smallest size of a range that is enough, else its largest."""
    width, height = (
        min(largest, smallest + -(-max(0, enough - smallest) // max(step, 1)) * max(step, 1))
        for smallest, largest, step, enough in zip(*sizes, ENOUGH, strict=True)
    )
    return width, height


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
