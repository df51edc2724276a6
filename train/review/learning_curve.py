"""Estimates what more images of a class are worth, from what the last half of them was worth.

The head is solved on all objects, and on a half and a quarter of the objects of each class. Images
are scored by folds of whole objects, as in `train.review.label_review`. The next doubling is
taken to be worth what the last one was.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from runtime.shared.progress import track
from runtime.shared.statistics import bootstrap_interval
from train.fitting.solved_head import Floats
from train.review.class_worth import MORE, ClassWorth, CurvePoint
from train.review.label_review import out_of_fold_scores

PARTS = (4, 2)
"""The head is solved on one in so many objects; the label review has solved it on all."""
DRAWS = 2
"""Quarters and halves that are drawn."""
MIN_OBJECTS = 4
"""A class of fewer objects cannot be halved."""


def estimate_worth(
    features: Floats,
    targets: NDArray[np.int64],
    groups: Sequence[str],
    labels: Sequence[str],
    scores: Floats,
) -> tuple[list[CurvePoint], list[ClassWorth]]:
    """Returns the learning curve, and the classes, those whose images are worth most first.

    Args:
        features: (n, size) of the images.
        targets: (n,) class of each image.
        groups: (n,) object of each image.
        labels: names of the classes.
        scores: (n, classes) of `out_of_fold_scores` with all images.
    """
    jobs = [(part, draw) for part in PARTS for draw in range(DRAWS)]
    right: dict[int, list[NDArray[np.float64]]] = {part: [] for part in PARTS}
    images: dict[int, int] = {}
    for part, draw in track(jobs, "learning curve", len(jobs)):
        used = _select(targets, groups, part, draw)
        images[part] = int(used.sum())
        of_part, _ = out_of_fold_scores(features, targets, groups, len(labels), used=used)
        right[part].append(_right(of_part, targets))
    images[1], right[1] = len(targets), [_right(scores, targets)]
    means = {part: np.mean(rows, axis=0) for part, rows in right.items()}
    curve = [
        CurvePoint(images[part], float(mean.mean()), *bootstrap_interval(mean, groups))
        for part, mean in means.items()
    ]
    names = np.array(groups)
    rows = []
    for label in np.unique(targets):
        own = targets == label
        count, objects = int(own.sum()), list(names[own])
        row = ClassWorth(labels[label], count, len(set(objects)))
        if row.objects >= MIN_OBJECTS:
            gained = (means[1] - means[2])[own] * np.log2(1 + MORE / count)
            low, high = bootstrap_interval(gained, objects)
            row = replace(
                row,
                recall=float(means[1][own].mean()),
                gain=float(gained.mean()),
                low=low,
                high=high,
            )
        rows.append(row)
    rows.sort(key=lambda row: -np.inf if row.gain is None else row.gain, reverse=True)
    return curve, rows


def _select(
    targets: NDArray[np.int64], groups: Sequence[str], part: int, seed: int
) -> NDArray[np.bool_]:
    """Returns which images are of a random one in `part` of the objects of each class."""
    names = np.array(groups)
    generator = np.random.default_rng(seed)
    used = np.zeros(len(targets), bool)
    for label in np.unique(targets):
        own = targets == label
        objects = generator.permutation(np.unique(names[own]))
        used |= own & np.isin(names, objects[: -(-len(objects) // part)])
    return used


def _right(scores: Floats, targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns (n,) 1 for each image that heads of other groups answer right, else 0."""
    return np.asarray(scores.any(1) & (scores.argmax(1) == targets), np.float64)
