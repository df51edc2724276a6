"""The geometry of the report's plots, as numbers and path data for inline SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCATTER_SIDE = 200
"""Of the square that scores 0..1 are drawn in; the same units as in the template."""


@dataclass(frozen=True)
class Scatter:
    """Path data of dots at (Keras' score, the artifact's score): of pictures with the same label, and of flipped ones."""

    same: str
    flipped: str
    pictures: int
    flips: int


def scatter(true_scores: Mapping[str, Sequence[int]]) -> Scatter:
    """The dots of a record's true_scores, in thousandths; a dot that is there already is not drawn twice."""
    flipped = set(true_scores["flipped"])
    dots: dict[bool, dict[str, None]] = {False: {}, True: {}}
    for number, (x, y) in enumerate(zip(true_scores["reference"], true_scores["candidate"], strict=True)):
        dots[number in flipped][f"M{_place(x)} {_place(1000 - y)}h0"] = None
    return Scatter("".join(dots[False]), "".join(dots[True]), len(true_scores["reference"]), len(flipped))


def _place(thousandths: int) -> str:
    return f"{thousandths * SCATTER_SIDE / 1000:g}"


@dataclass(frozen=True)
class Axis:
    """A span of drops in points, and where a drop lies on it, in per cent of its width."""

    low: float
    high: float

    def place(self, fraction: float) -> float:
        """Of a drop, 0..1: 0 at the left end of the axis, 100 at the right."""
        return round(100 * (100 * fraction - self.low) / (self.high - self.low), 2)


def drop_axis(records: Sequence[Mapping[str, Any]]) -> Axis:
    """An axis that shows every interval and limit that is not far beyond all intervals, and zero."""
    ends = [100 * record["parity"][end] for record in records for end in ("drop_low", "drop_high")]
    limits = [100 * record["limits"]["max_drop"] for record in records]
    low, high = min(0.0, *ends), max(0.0, *ends)
    high = max([high, *(limit for limit in limits if limit < 2 * (high - low))])
    margin = 0.04 * (high - low) or 1.0
    return Axis(low - margin, high + margin)
