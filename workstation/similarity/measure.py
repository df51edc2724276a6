"""Measures how well similarities tell images of the classes from others, without such others.

Each class is left out in turn: its test images then stand for images of no class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.shared.statistics import bootstrap_interval

FOLDS = 5
STEPS = 10_000
"""A threshold is rounded down to 1 / STEPS, so that the last digit of another processor's value
does not refuse the image that set the threshold."""

MAX_KNOWN = 500
AUROC_ROUNDS = 1000

Values = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class LeftOutClass:
    """Holds how well the images of a class are stopped when the class is left out.

    auroc: the chance, 0..1, that an image of another class is more similar to the remaining
        classes than an image of this one. stopped: the part of its images below the threshold that
        keeps `keep` of the others, 0..1. near, near_images: of its images that are not stopped, the
        remaining class that most are most similar to, and how many; "" and 0 without any.
    """

    label: str
    images: int
    auroc: float
    stopped: float
    near: str = ""
    near_images: int = 0


@dataclass(frozen=True)
class SimilarityRecord:
    """Holds what was measured of the similarities of a model file.

    left_out_classes: each left out in turn. auroc, keras_auroc: the means over these classes, of
    the file and of the Keras model with prototypes of its own; None if they could not be measured.
    looks: prototypes of a class. images: training images that the prototypes come from. known: the
    highest similarity of each test image, in rising order; of more than MAX_KNOWN, evenly chosen.
    one_class: the model has a single class. `left_out_classes` are then the kinds of bad parts in
    the test images, `auroc` is over all of them, and `known` are the good ones.
    """

    left_out_classes: tuple[LeftOutClass, ...]
    auroc: float | None
    keras_auroc: float | None
    looks: int
    images: int
    known: tuple[float, ...] = ()
    one_class: bool = False

    @property
    def stopped(self) -> float | None:
        """The mean over the classes of the part that is stopped, 0..1; None without classes."""
        if not self.left_out_classes:
            return None
        return float(np.mean([left_out.stopped for left_out in self.left_out_classes]))


def leave_classes_out(
    similarities: Values, truth: Indices, labels: Sequence[str], keep: float
) -> tuple[LeftOutClass, ...]:
    """Returns a row for each class that has images, where another class has some too.

    Args:
        similarities: (n, classes) of held-out images.
        truth: (n,) index of the class.
        labels: (classes,) names.
        keep: the fraction of known images that the threshold keeps.
    """
    rows = []
    for index in np.unique(truth):
        remaining = np.delete(similarities, index, axis=1)
        others = remaining.max(1)
        known, strangers = others[truth != index], others[truth == index]
        if len(known):
            threshold = threshold_to_keep(known, keep)
            passed = remaining[(truth == index) & (others >= threshold)]
            counts = np.bincount(passed.argmax(1), minlength=remaining.shape[1])
            near = int(counts.argmax())
            rows.append(
                LeftOutClass(
                    labels[index],
                    len(strangers),
                    auroc(known, strangers),
                    float((strangers < threshold).mean()),
                    labels[near + (near >= index)] if len(passed) else "",
                    int(counts[near]),
                )
            )
    return tuple(rows)


def select_known(similarities: Values) -> tuple[float, ...]:
    """Returns the highest of (n, classes) similarities of each image, as in SimilarityRecord."""
    highest = np.sort(similarities.max(1))
    chosen = np.linspace(0, len(highest) - 1, min(MAX_KNOWN, len(highest))).astype(int)
    return tuple(np.round(highest[chosen].astype(float), 4).tolist())


def mean_auroc(rows: Sequence[LeftOutClass]) -> float | None:
    """Returns the mean over the classes, 0..1; None without classes."""
    return float(np.mean([row.auroc for row in rows])) if rows else None


def auroc(known: Values, strangers: Values) -> float:
    """Returns the chance, 0..1, that a known value is above one of a stranger; ties count half.

    It is the area under the ROC curve (Fawcett, "An introduction to ROC analysis", Pattern
    Recognition Letters 27, 2006, section 7).
    """
    ordered = np.sort(strangers)
    below = np.searchsorted(ordered, known, "left")
    not_above = np.searchsorted(ordered, known, "right")
    return float((below + not_above).mean() / (2 * len(strangers)))


def auroc_interval(
    known: Values, strangers: Values, known_groups: Sequence[str], strange_groups: Sequence[str]
) -> tuple[float, float]:
    """Returns the 95 % interval of `auroc`, drawn object by object (a cluster bootstrap).

    The groups name the object of each image; an empty name is one of its own.
    """
    generator = np.random.default_rng(0)
    sides = [(known, _members(known_groups)), (strangers, _members(strange_groups))]

    def draw(values: Values, members: Sequence[Indices]) -> Values:
        chosen = generator.integers(0, len(members), len(members))
        drawn: Values = values[np.concatenate([members[index] for index in chosen])]
        return drawn

    areas = []
    for _ in range(AUROC_ROUNDS):
        drawn = [draw(values, members) for values, members in sides]
        areas.append(auroc(drawn[0], drawn[1]))
    low, high = np.percentile(areas, [2.5, 97.5])
    return float(low), float(high)


def _members(groups: Sequence[str]) -> list[Indices]:
    """Returns the indices of the images of each object."""
    keys = np.array([group or str(index) for index, group in enumerate(groups)])
    return [np.flatnonzero(keys == key) for key in np.unique(keys)]


def threshold_to_keep(values: Values, fraction: float) -> float:
    """Returns the highest threshold that keeps at least `fraction` of (n,) values, and of new ones.

    The rank is that of split conformal prediction: floor((1 - fraction) * (n + 1)) values may lie
    below (Vovk et al., "Algorithmic Learning in a Random World", 2005, section 2.2). The threshold
    of no values is 0.
    """
    if not len(values):
        return 0.0
    rank = int(np.floor((1 - fraction) * (len(values) + 1) + 1e-9))
    lowest = np.sort(values)[max(0, rank - 1)]
    return float(np.floor(float(lowest) * STEPS) / STEPS)


def kept_of_new_objects(
    values: Values, groups: Sequence[str], keep: float
) -> tuple[float, float, float] | None:
    """Returns which part of the known images thresholds keep that were fitted on other objects.

    Returns the part and its 95 % interval over objects, or None if there are fewer objects than
    FOLDS. Args: (n,) highest similarities, and the (n,) object of each image; "" stands alone.
    """
    keys = [group or str(index) for index, group in enumerate(groups)]
    objects = sorted(set(keys))
    if len(objects) < FOLDS:
        return None
    order = np.random.default_rng(0).permutation(len(objects))
    fold_of = {objects[index]: number % FOLDS for number, index in enumerate(order)}
    folds = np.array([fold_of[key] for key in keys])
    kept = np.zeros(len(values))
    for fold in range(FOLDS):
        of_fold = folds == fold
        kept[of_fold] = values[of_fold] >= threshold_to_keep(values[~of_fold], keep)
    low, high = bootstrap_interval(kept, keys)
    return float(kept.mean()), low, high
