"""Compares a model's scores with its reference's, picture by picture: the same comparison after export and on the device."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15
Z95 = 1.959964
"""The 97.5 % point of the standard normal distribution."""
MOST_PAIRS = 2000
MOST_FLIPS = 1000


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
class TrueScores:
    """What two models give the true class of the same pictures, in thousandths (0..1000), and the places of the flipped ones.

    Of at most 2,000 pictures: all the flipped ones there is room for, and the rest evenly over the others.
    """

    reference: tuple[int, ...]
    candidate: tuple[int, ...]
    flipped: tuple[int, ...]


@dataclass(frozen=True)
class ParityReport:
    """What `compare` measured. Fractions are 0..1; a drop is reference minus candidate accuracy, so negative is better.

    class_drops: of each class that has pictures; the worst class is the one that lost most.
    flips: at most the 1,000 on which the reference was surest; how many there are `agreement` tells.
    """

    pictures: int
    agreement: float
    reference_accuracy: float
    candidate_accuracy: float
    drop: float
    drop_low: float
    drop_high: float
    mean_score_error: float
    worst_score_error: float
    reference_calibration_error: float
    candidate_calibration_error: float
    worst_class: str
    worst_class_drop: float
    class_drops: Mapping[str, float]
    constant: bool
    flips: tuple[Flip, ...]
    true_scores: TrueScores


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
    class_drops = {
        labels[c]: float(np.mean((theirs == truth)[truth == c]) - np.mean((ours == truth)[truth == c])) for c in np.unique(truth)
    }
    worst_class = max(class_drops, key=lambda label: class_drops[label])
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
        reference_calibration_error=calibration_error(reference, truth),
        candidate_calibration_error=calibration_error(candidate, truth),
        worst_class=worst_class,
        worst_class_drop=class_drops[worst_class],
        class_drops=class_drops,
        constant=len(candidate) > 1 and bool((candidate == candidate[0]).all()),
        flips=tuple(sorted(flips, key=lambda flip: -flip.reference_score)[:MOST_FLIPS]) if len(flips) > MOST_FLIPS else flips,
        true_scores=true_scores(truth, reference, candidate),
    )


def true_scores(
    truth: NDArray[np.integer[Any]], reference: NDArray[np.float32], candidate: NDArray[np.float32], most: int = MOST_PAIRS
) -> TrueScores:
    """The scores of the true classes, arguments as in `compare`, of at most `most` pictures."""
    flipped = reference.argmax(1) != candidate.argmax(1)
    first, others = np.flatnonzero(flipped)[:most], np.flatnonzero(~flipped)
    room = min(most - len(first), len(others))
    chosen = np.sort(np.concatenate([first, others[np.linspace(0, len(others) - 1, room, dtype=int)]]))
    thousandths = [tuple(np.rint(1000 * scores[chosen, truth[chosen]]).astype(int).tolist()) for scores in (reference, candidate)]
    return TrueScores(thousandths[0], thousandths[1], tuple(np.flatnonzero(flipped[chosen]).tolist()))


def calibration_error(scores: NDArray[np.float32], truth: NDArray[np.integer[Any]]) -> float:
    """How far top scores are from being probabilities, 0..1: the expected calibration error over 15 bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 5. Of (n, classes) scores and (n,) class indices.
    """
    confidence, right = scores.max(1), scores.argmax(1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(float(confidence[bins == b].sum()) - float(right[bins == b].sum())) for b in range(CALIBRATION_BINS)]
    return sum(gaps) / len(truth)


def paired_interval(lost: int, gained: int, pictures: int) -> tuple[float, float]:
    """The 95 % interval of the accuracy drop when `lost` pictures went from right to wrong and `gained` the other way."""
    n, b, c = pictures + 2, lost + 0.5, gained + 0.5
    centre = (b - c) / n
    half = Z95 * np.sqrt((b + c) - (b - c) ** 2 / n) / n
    return float(centre - half), float(centre + half)


def pictures_to_decide(max_drop: float) -> int | None:
    """The fewest pictures whose interval ends at `max_drop` or below when no label changes; None if no number is enough.

    Where nothing was lost or gained, `paired_interval` ends at Z95 / (n + 2).
    """
    return math.ceil(Z95 / max_drop - 2) if max_drop > 0 else None
