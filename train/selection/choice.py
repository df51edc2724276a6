"""Chooses among candidates: the Pareto front, the limits and the most accurate within them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.shared.statistics import accuracy_interval
from train.selection.candidates import NetworkCandidate
from train.selection.timing import Timing

MB = 1e6


@dataclass(frozen=True)
class ChoiceLimits:
    """Holds the most ms an image and the most MB (1,000,000 bytes) of a file; None: no limit."""

    max_ms: float | None
    max_mb: float | None


@dataclass(frozen=True)
class Measured:
    """Holds a candidate with what was measured; `right` are the (n,) validation images."""

    candidate: NetworkCandidate
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

    def excess(self, limits: ChoiceLimits) -> float:
        """Returns how many times its worst figure is the limit; up to 1 it is within."""
        pairs = ((self.timing.ms, limits.max_ms), (self.mb, limits.max_mb))
        return max((figure / limit for figure, limit in pairs if limit is not None), default=0.0)


@dataclass(frozen=True)
class CandidateRow:
    """Describes a candidate in the table; accuracies are 0..1.

    low, high: the 95 % interval of the accuracy, over the objects.
    fits: whether it is within the limits.
    front: whether no other is at least as accurate, fast and small, and better in one of these.
    """

    network: str
    backbone: str
    width_factor: float | None
    input_size: int
    val_accuracy: float
    low: float
    high: float
    ms: float
    mb: float
    fits: bool
    front: bool
    chosen: bool


def choose(measured: Sequence[Measured], limits: ChoiceLimits) -> Measured | None:
    """Returns the most accurate candidate within the limits, the fastest of equals; None: none."""
    within = [one for one in measured if one.excess(limits) <= 1]
    return max(within, key=lambda one: (one.accuracy, -one.timing.ms), default=None)


def nearest(measured: Sequence[Measured], limits: ChoiceLimits) -> Measured:
    """Returns the candidate that exceeds the limits least."""
    return min(measured, key=lambda one: (one.excess(limits), -one.accuracy))


def table_rows(
    measured: Sequence[Measured],
    limits: ChoiceLimits,
    groups: Sequence[str],
    chosen: Measured | None,
) -> tuple[CandidateRow, ...]:
    """Returns a row for each candidate, the fastest first."""
    return tuple(
        CandidateRow(
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
