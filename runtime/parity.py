"""Compares a model's scores with its reference's, picture by picture: the same comparison after export and on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964
"""The 97.5 % point of the standard normal distribution."""


@dataclass(frozen=True)
class Flip:
    """A picture on which the two models' top-1 labels differ; scores are each model's own top score, 0..1."""

    picture: str
    truth: str
    reference: str
    reference_score: float
    candidate: str
    candidate_score: float


@dataclass(frozen=True)
class ParityReport:
    """What `compare` measured. Fractions are 0..1; a drop is reference minus candidate accuracy, so negative is better."""

    pictures: int
    agreement: float
    reference_accuracy: float
    candidate_accuracy: float
    drop: float
    drop_low: float
    drop_high: float
    mean_score_error: float
    worst_score_error: float
    constant: bool
    flips: tuple[Flip, ...]


def compare(
    names: Sequence[str],
    truth: NDArray[np.integer[Any]],
    reference: NDArray[np.float32],
    candidate: NDArray[np.float32],
    labels: Sequence[str],
) -> ParityReport:
    """The comparison of two models on the same pictures.

    Args:
        names: of the pictures, (n,).
        truth: (n,) index of the right class.
        reference: (n, classes) scores, 0..1.
        candidate: (n, classes) scores, 0..1.
        labels: (classes,) names.

    The interval of the drop is Agresti and Min's for matched pairs: half a picture added to each cell of the 2x2 table of
    right and wrong, then Wald ("Simple improved confidence intervals for comparing matched proportions", Statistics in
    Medicine 24, 2005, 729-740).
    """
    ours, theirs = candidate.argmax(1), reference.argmax(1)
    lost = int(np.sum((theirs == truth) & (ours != truth)))
    gained = int(np.sum((theirs != truth) & (ours == truth)))
    low, high = paired_interval(lost, gained, len(truth))
    error = np.abs(candidate - reference)
    flips = tuple(
        Flip(names[i], labels[truth[i]], labels[a], float(reference[i, a]), labels[b], float(candidate[i, b]))
        for i, (a, b) in enumerate(zip(theirs.tolist(), ours.tolist(), strict=True))
        if a != b
    )
    return ParityReport(
        pictures=len(truth),
        agreement=float(np.mean(ours == theirs)),
        reference_accuracy=float(np.mean(theirs == truth)),
        candidate_accuracy=float(np.mean(ours == truth)),
        drop=(lost - gained) / len(truth),
        drop_low=low,
        drop_high=high,
        mean_score_error=float(error.mean()),
        worst_score_error=float(error.max()),
        constant=len(candidate) > 1 and bool((candidate == candidate[0]).all()),
        flips=flips,
    )


def paired_interval(lost: int, gained: int, pictures: int) -> tuple[float, float]:
    """The 95 % interval of the accuracy drop when `lost` pictures went from right to wrong and `gained` the other way."""
    n, b, c = pictures + 2, lost + 0.5, gained + 0.5
    centre = (b - c) / n
    half = Z95 * np.sqrt((b + c) - (b - c) ** 2 / n) / n
    return float(centre - half), float(centre + half)
