"""Decides which frames of a camera are worth a look: every S seconds, on motion, or both.

Motion is any difference from the frame that was looked at last, so what was put down, and light
that changes slowly, count too. Only monotonic times are compared, so a wrong clock does no harm.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from runtime.arrays import NDArray
from runtime.images.region import Region
from runtime.images.small_grey import small_grey
from runtime.sources.base import Frame

MIN_LEVELS = 12
"""A cell of the small image has changed if it differs by so many of 255 levels. Noise of 8 levels
a pixel, as of a camera at night, is 2 in a cell."""
MIN_PART = 1 / 256
"""This part of the cells, changed, is motion: an object of 1/16 of the region's sides."""
ENDLESS_S = 60.0
"""Motion that goes on for so long is reported, because it makes `--on-motion` useless."""


class LookRule(NamedTuple):
    """When to look; without either, at every frame.

    every_s: at least every so many seconds. on_motion: when something in the region has changed.
    """

    every_s: float | None = None
    on_motion: bool = False


ALWAYS = LookRule()


class LookTrigger:
    """Decides for one region of one source, frame by frame."""

    def __init__(
        self,
        rule: LookRule,
        region: Region | None,
        settling: int,
        report: Callable[[], None] = lambda: None,
    ) -> None:
        """Stores the rule.

        Args:
            rule: when to look.
            region: where motion counts; None for the whole frame.
            settling: frames to look at after a motion, until the answer is stable.
            report: is called once for a motion that does not end.
        """
        self.region = region
        self._rule, self._settling, self._report = rule, settling, report
        self.reset()

    def reset(self) -> None:
        """Makes the next frame worth a look, as after a loss of the source."""
        self._looked_s: float | None = None
        self._seen: NDArray[np.uint8] | None = None
        self._left = 0
        self._moving_since_s: float | None = None

    def wants(self, frame: Frame) -> bool:
        """Returns whether to look at this frame, which may be undecoded, and takes it as looked at.

        Raises:
            ImageRefused: the frame is broken.
        """
        every_s, on_motion = self._rule
        due = self._looked_s is None or (
            every_s is not None and frame.at_s - self._looked_s >= every_s
        )
        if on_motion:
            due = self._is_moving(frame, due)
        if due or not (on_motion or every_s):
            self._looked_s = frame.at_s
            return True
        return False

    def _is_moving(self, frame: Frame, due: bool) -> bool:
        seen = small_grey(frame.image, self.region, frame.name)
        moved = self._seen is None or _differ(seen, self._seen)
        self._left = self._settling if moved or due else self._left - 1
        if self._left > 0:
            self._seen = seen
        self._note(frame.at_s if moved else None)
        return self._left > 0

    def _note(self, moved_s: float | None) -> None:
        """Reports a motion that goes on for ENDLESS_S."""
        if moved_s is None:
            self._moving_since_s = None
        elif self._moving_since_s is None:
            self._moving_since_s = moved_s
        elif moved_s - self._moving_since_s >= ENDLESS_S:
            self._moving_since_s = math.inf
            self._report()


def _differ(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    if first.shape != second.shape:  # the source has changed its size
        return True
    difference = np.abs(first.astype(np.int16) - second)
    return bool(np.count_nonzero(difference >= MIN_LEVELS) >= max(1, MIN_PART * first.size))
