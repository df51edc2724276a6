"""Chooses the prototypes of each class: the looks that its training images have, as features.

A prototype is the direction of a mean of features. The similarity of an image to a class is the
cosine between its features and the nearest prototype of the class.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MAX_LOOKS = 4
"""Prototypes of a class at most. On grocery-fruit, clothing-120 and sign-digits more did not
separate strangers better (1, 2, 4 and 8 were tried)."""
ONE_CLASS_LOOKS = 64
"""Prototypes of the only class at most: there is no other class to compare with, so what counts is
the nearest of many looks. Cosines to 4, 16, 64 and 600 prototypes separate 617 held-out defective
solar cells from 353 functional ones with an AUROC of 0.79, 0.81, 0.84 and 0.86
(EfficientNet-Lite0 at 224 pixels). 64 take 8 % of its int8 file."""
IMAGES_PER_LOOK = 5
"""A class needs so many training images for each of its prototypes."""
MAX_SHARE = 0.08
"""Of the model file's size, that all prototypes may take."""
ROUNDS = 10
SMALLEST = 1e-6


@dataclass(frozen=True)
class Prototypes:
    """Holds (classes, looks, features) float32 unit vectors.

    A class with fewer looks than others repeats its first one.
    """

    table: Floats

    def similarity(self, features: NDArray[Any]) -> Floats:
        """Returns the (n, classes) cosines, -1..1, of (n, features) to the nearest prototypes."""
        classes, looks, size = self.table.shape
        cosines = unit_rows(features) @ self.table.reshape(-1, size).T
        return np.asarray(cosines.reshape(-1, classes, looks).max(2), np.float32)


class PrototypeFacts(NamedTuple):
    """Holds the number of prototypes of a class, and of the training images that they come from.

    features: (n, size) of the first of these images, if a device can get them from the file.
    """

    looks: int
    images: int
    features: Floats | None = None


def choose_prototypes(
    features: NDArray[Any],
    truth: NDArray[np.integer[Any]],
    classes: int,
    file_bytes: int | None = None,
) -> Prototypes:
    """Returns the prototypes of each class from its training images.

    The images of a class are grouped by spherical k-means (Dhillon and Modha, Machine Learning 42,
    2001, 143-175). A class without images gets a prototype of zeros, so nothing is similar to it.

    Args:
        features: (n, size) of the training images.
        truth: (n,) index of the class.
        classes: how many there are.
        file_bytes: the size of the model file, which limits the number of prototypes; None for a
            model that is in no such file. The only class of a model has as many in every file.
    """
    rows = unit_rows(features)
    if classes == 1:
        return Prototypes(_group(rows, min(ONE_CLASS_LOOKS, len(rows)))[np.newaxis])
    most = MAX_LOOKS
    if file_bytes is not None:
        room = int(MAX_SHARE * file_bytes / (4 * rows.shape[1] * classes))
        most = max(1, min(most, room))
    looks = []
    for index in range(classes):
        of_class = rows[truth == index]
        count = min(most, max(1, len(of_class) // IMAGES_PER_LOOK))
        looks.append(_group(of_class, count) if len(of_class) else np.zeros_like(rows[:1]))
    longest = max(map(len, looks))
    padded = [np.concatenate([part, *[part[:1]] * (longest - len(part))]) for part in looks]
    return Prototypes(np.stack(padded))


def unit_rows(values: NDArray[Any]) -> Floats:
    """Returns (n, size) rows of length 1; a row of zeros stays."""
    rows = np.asarray(values, np.float32)
    lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(1, keepdims=True))
    return np.asarray(rows / np.maximum(lengths, SMALLEST), np.float32)


def _group(rows: Floats, count: int) -> Floats:
    """Returns (count, size) directions; the first centre is the mean, the next the farthest row."""
    centres = unit_rows(rows.mean(0, keepdims=True))
    while len(centres) < count:
        farthest = int((rows @ centres.T).max(1).argmin())
        centres = np.concatenate([centres, rows[farthest : farthest + 1]])
    for _ in range(ROUNDS if count > 1 else 0):
        nearest = (rows @ centres.T).argmax(1)
        means = [
            rows[nearest == index].mean(0) if (nearest == index).any() else centre
            for index, centre in enumerate(centres)
        ]
        centres = unit_rows(np.stack(means))
    return centres
