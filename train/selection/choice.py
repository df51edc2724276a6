"""Chooses among candidates: the Pareto front, the limits, and the fastest of the equally good."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.shared.statistics import accuracy_interval
from train.selection.candidates import Candidate
from train.selection.timing import Timing

MB = 1e6
MAX_LOSS = 0.01
"""The validation accuracy that a faster network may lose.

A test of chance would hide 4 points with 340 images, so a fast network would win too often.
"""


@dataclass(frozen=True)
class Limits:
    """Holds the most ms an image and the most MB (1,000,000 bytes) of a file; None: no limit."""

    max_ms: float | None
    max_mb: float | None


@dataclass(frozen=True)
class Measured:
    """Holds a candidate with what was measured; `right` are the (n,) validation images."""

    candidate: Candidate
    right: NDArray[np.bool_]
    timing: Timing

    @property
    def accuracy(self) -> float:
        """The fraction of the validation images that are right."""
        return float(self.right.mean())

    @property
    def mb(self) -> float:
        """The size of the model file; the shapes of one network change it by less than 0.01."""
        return round(self.timing.bytes / MB, 2)

    def excess(self, limits: Limits) -> float:
        """Returns how many times its worst figure is the limit; up to 1 it is within."""
        pairs = ((self.timing.ms, limits.max_ms), (self.mb, limits.max_mb))
        return max((figure / limit for figure, limit in pairs if limit is not None), default=0.0)


@dataclass(frozen=True)
class Row:
    """Describes a candidate in the table; accuracies are 0..1.

    low, high: the 95 % interval of the accuracy, over the objects.
    fits: whether it is within the limits.
    front: whether no other is at least as accurate, fast and small, and better in one of these.
    """

    name: str
    backbone: str
    width: float | None
    input_size: int
    val_accuracy: float
    low: float
    high: float
    ms: float
    mb: float
    fits: bool
    front: bool
    chosen: bool


def choose(measured: Sequence[Measured], limits: Limits) -> Measured | None:
    """Returns the fastest candidate within the limits that is at most MAX_LOSS below the best one.

    None: nothing is within the limits.
    """
    within = [one for one in measured if one.excess(limits) <= 1]
    if not within:
        return None
    best = max(one.right.sum() for one in within)
    as_good = [one for one in within if best - one.right.sum() <= MAX_LOSS * len(one.right)]
    return min(as_good, key=lambda one: (one.timing.ms, -one.accuracy))


def nearest(measured: Sequence[Measured], limits: Limits) -> Measured:
    """Returns the candidate that exceeds the limits least."""
    return min(measured, key=lambda one: (one.excess(limits), -one.accuracy))


def table_rows(
    measured: Sequence[Measured], limits: Limits, groups: Sequence[str], chosen: Measured | None
) -> tuple[Row, ...]:
    """Returns a row for each candidate, the fastest first."""
    return tuple(
        Row(
            one.candidate.name,
            one.candidate.backbone,
            one.candidate.width,
            one.candidate.input_size,
            one.accuracy,
            *accuracy_interval(one.right, groups),
            one.timing.ms,
            one.mb,
            fits=one.excess(limits) <= 1,
            front=not any(_beats(other, one) for other in measured),
            chosen=one is chosen,
        )
        for one in sorted(measured, key=lambda one: one.timing.ms)
    )


def _beats(other: Measured, one: Measured) -> bool:
    pairs = (
        (other.accuracy, one.accuracy),
        (-other.timing.ms, -one.timing.ms),
        (-other.mb, -one.mb),
    )
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
