"""How good a classifier is on pictures whose class is known: accuracy with its uncertainty, and precision, recall and F1 of each class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.parity import Z95
from train.judged import Judged


@dataclass(frozen=True)
class ClassScore:
    """One class: how many pictures it has, how often it was said, and fractions 0..1, None where they are nought by nought.

    recall: of its pictures, those that were called so. precision: of the pictures called so, those that are. f1: their harmonic mean.
    """

    label: str
    pictures: int
    said: int
    recall: float | None
    precision: float | None
    f1: float | None


@dataclass(frozen=True)
class Confusion:
    """How many pictures of the class `label` were called `said`."""

    label: str
    said: str
    pictures: int


@dataclass(frozen=True)
class Scorecard:
    """All of it; fractions are 0..1. `low` and `high` hold the true accuracy with 95 % confidence, were the pictures a fair sample.

    balanced_accuracy: the mean recall over the classes that have pictures, in which a class of 2 counts as much as one of 2,000.
    majority: the accuracy of calling every picture `majority_label`, the class that has most.
    classes: in the order of the model's outputs. confusions: the wrong answers, the most frequent first.
    """

    pictures: int
    accuracy: float
    low: float
    high: float
    balanced_accuracy: float
    majority: float
    majority_label: str
    classes: tuple[ClassScore, ...]
    confusions: tuple[Confusion, ...]

    def worst_first(self) -> list[ClassScore]:
        """The classes by F1, those without pictures last."""
        return sorted(self.classes, key=lambda one: (one.recall is None, one.f1 or 0.0, one.label))


def score(labels: Sequence[str], judged: Sequence[Judged]) -> Scorecard:
    """The scorecard of at least one picture; `labels` are the model's, in output order."""
    counts = confusion_matrix(labels, judged)
    right, pictures, said = counts.diagonal(), counts.sum(1), counts.sum(0)
    classes = tuple(
        ClassScore(label, int(n), int(m), _ratio(r, n), _ratio(r, m), _ratio(2 * r, n + m))
        for label, r, n, m in zip(labels, right, pictures, said, strict=True)
    )
    wrong = [(row, column) for row, column in np.argwhere(counts).tolist() if row != column]
    confusions = sorted((Confusion(labels[a], labels[b], int(counts[a, b])) for a, b in wrong), key=lambda one: -one.pictures)
    low, high = interval(int(right.sum()), len(judged))
    balanced = float(np.mean(right[pictures > 0] / pictures[pictures > 0]))
    most = int(pictures.argmax())
    return Scorecard(
        pictures=len(judged),
        accuracy=int(right.sum()) / len(judged),
        low=low,
        high=high,
        balanced_accuracy=balanced,
        majority=int(pictures[most]) / len(judged),
        majority_label=labels[most],
        classes=classes,
        confusions=tuple(confusions),
    )


def confusion_matrix(labels: Sequence[str], judged: Sequence[Judged]) -> NDArray[np.int64]:
    """(classes, classes) counts: row the picture's class, column the class said."""
    index = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for one in judged:
        counts[index[one.label], index[one.said]] += 1
    return counts


def interval(right: int, pictures: int) -> tuple[float, float]:
    """The 95 % interval of an accuracy of `right` out of `pictures`.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212. Unlike the usual
    accuracy ± 1.96 standard errors it does not shrink to nothing where every picture is right.
    """
    share, z2 = right / pictures, Z95**2
    centre = (share + z2 / (2 * pictures)) / (1 + z2 / pictures)
    half = Z95 / (1 + z2 / pictures) * math.sqrt(share * (1 - share) / pictures + z2 / (4 * pictures**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def confident_mistakes(judged: Sequence[Judged], most: int) -> list[Judged]:
    """The wrong answers with the highest scores, at most so many."""
    return sorted((one for one in judged if not one.right), key=lambda one: (-one.score, one.path))[:most]


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
