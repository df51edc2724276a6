"""Compares a model's scores with those of its reference, image by image.

Export, `benchmarks accuracy` and the device check use the same comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.arrays import NDArray
from runtime.shared.statistics import (
    bootstrap_interval,
    count_objects,
    counted_images,
    paired_interval,
)

CALIBRATION_BINS = 15
MAX_TRUE_SCORES = 2000
MAX_FLIPS = 1000

Truth = NDArray[np.integer[Any]]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class LabelChange:
    """Describes an image whose top-1 label differs between the models.

    The scores are each model's own top score, 0..1.
    """

    image: str
    label: str
    reference_label: str
    reference_score: float
    candidate_label: str
    candidate_score: float


@dataclass(frozen=True)
class TrueScores:
    """Holds both models' scores of the true class, in thousandths (0..1000).

    They are of at most 2,000 images: as many flipped ones as fit, and an even choice of the others.
    flipped: the indices of the flipped images among them.
    """

    reference_scores: tuple[int, ...]
    candidate_scores: tuple[int, ...]
    flipped: tuple[int, ...]


@dataclass(frozen=True)
class ParityFigures:
    """Holds the figures of a comparison.

    Fractions are 0..1. A drop is reference minus candidate accuracy, so negative is better.

    objects: what the images show; images that stand alone are one each.
    class_drops: of each class that has images; `worst_class` has the largest drop.
    constant: the candidate gives the same scores to all images.
    flips: at most the 1,000 on which the reference was surest; `agreement` counts them all.
    """

    images: int
    objects: int
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
    flips: tuple[LabelChange, ...]

    @property
    def sample(self) -> str:
        """Returns, for example, "432 images of 18 objects"."""
        return counted_images(self.images, self.objects)


@dataclass(frozen=True)
class ParityReport(ParityFigures):
    """Holds everything that `compare` measures."""

    true_scores: TrueScores


def compare(
    names: Sequence[str],
    truth: Truth,
    reference: Scores,
    candidate: Scores,
    labels: Sequence[str],
    groups: Sequence[str] = (),
) -> ParityReport:
    """Compares two models on the same images.

    Args:
        names: of the images, (n,).
        truth: (n,) index of the true class.
        reference: (n, classes) scores, 0..1.
        candidate: (n, classes) scores, 0..1.
        labels: (classes,) names.
        groups: (n,) the object that each image shows; an empty name, or no groups: one of its own.
    """
    reference_top, candidate_top = reference.argmax(1), candidate.argmax(1)
    reference_right, candidate_right = reference_top == truth, candidate_top == truth
    lost = int(np.sum(reference_right & ~candidate_right))
    gained = int(np.sum(~reference_right & candidate_right))
    drop_low, drop_high = paired_interval(lost, gained, len(truth))
    objects = count_objects(groups) if groups else len(truth)
    if objects < len(truth):
        losses = reference_right.astype(float) - candidate_right
        low, high = bootstrap_interval(losses, groups)
        drop_low, drop_high = min(drop_low, low), max(drop_high, high)
    score_error = np.abs(candidate - reference)
    class_drops = {}
    for index in np.unique(truth):
        of_class = truth == index
        class_drops[labels[index]] = float(
            np.mean(reference_right[of_class]) - np.mean(candidate_right[of_class])
        )
    worst_class = max(class_drops, key=lambda label: class_drops[label])
    return ParityReport(
        images=len(truth),
        objects=objects,
        agreement=float(np.mean(candidate_top == reference_top)),
        reference_accuracy=float(np.mean(reference_right)),
        candidate_accuracy=float(np.mean(candidate_right)),
        drop=(lost - gained) / len(truth),
        drop_low=drop_low,
        drop_high=drop_high,
        mean_score_error=float(score_error.mean()),
        worst_score_error=float(score_error.max()),
        reference_calibration_error=calibration_error(reference, truth),
        candidate_calibration_error=calibration_error(candidate, truth),
        worst_class=worst_class,
        worst_class_drop=class_drops[worst_class],
        class_drops=class_drops,
        constant=len(candidate) > 1 and bool((candidate == candidate[0]).all()),
        flips=_find_flips(names, truth, reference, candidate, labels),
        true_scores=select_true_scores(truth, reference, candidate),
    )


def _find_flips(
    names: Sequence[str],
    truth: Truth,
    reference: Scores,
    candidate: Scores,
    labels: Sequence[str],
) -> tuple[LabelChange, ...]:
    """Returns the flips in image order; of more than MAX_FLIPS, the surest in falling order."""
    flips = []
    tops = zip(reference.argmax(1).tolist(), candidate.argmax(1).tolist(), strict=True)
    for image, (reference_top, candidate_top) in enumerate(tops):
        if reference_top != candidate_top:
            flip = LabelChange(
                image=names[image],
                label=labels[truth[image]],
                reference_label=labels[reference_top],
                reference_score=float(reference[image, reference_top]),
                candidate_label=labels[candidate_top],
                candidate_score=float(candidate[image, candidate_top]),
            )
            flips.append(flip)
    if len(flips) > MAX_FLIPS:
        flips = sorted(flips, key=lambda flip: -flip.reference_score)[:MAX_FLIPS]
    return tuple(flips)


def select_true_scores(
    truth: Truth, reference: Scores, candidate: Scores, max_images: int = MAX_TRUE_SCORES
) -> TrueScores:
    """Returns the scores of the true classes of at most `max_images` images.

    The other arguments are those of `compare`.
    """
    is_flipped = reference.argmax(1) != candidate.argmax(1)
    flipped, others = np.flatnonzero(is_flipped)[:max_images], np.flatnonzero(~is_flipped)
    room = min(max_images - len(flipped), len(others))
    even_choice = others[np.linspace(0, len(others) - 1, room, dtype=int)]
    chosen = np.sort(np.concatenate([flipped, even_choice]))
    return TrueScores(
        reference_scores=_thousandths(reference[chosen, truth[chosen]]),
        candidate_scores=_thousandths(candidate[chosen, truth[chosen]]),
        flipped=tuple(np.flatnonzero(is_flipped[chosen]).tolist()),
    )


def _thousandths(scores: Scores) -> tuple[int, ...]:
    return tuple(np.rint(1000 * scores).astype(int).tolist())


def calibration_error(scores: Scores, truth: Truth) -> float:
    """Returns how far (n, classes) top scores are from being probabilities, 0..1.

    This is the expected calibration error over 15 bins of equal width: Guo et al., "On Calibration
    of Modern Neural Networks", ICML 2017, equation 5. `truth` has the (n,) class indices.
    """
    confidence, right = scores.max(1), scores.argmax(1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(float(confidence[bins == b].sum()) - float(right[bins == b].sum()))
        for b in range(CALIBRATION_BINS)
    ]
    return sum(gaps) / len(truth)
