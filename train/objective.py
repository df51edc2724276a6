"""What training minimises: cross-entropy to smoothed targets, with weights for classes that have few pictures."""

import numpy as np
from numpy.typing import NDArray

from train.options import ClassWeights


def one_hot(targets: list[int], classes: int, smoothing: float = 0.0) -> NDArray[np.float32]:
    """(n, classes) targets: 1 - smoothing for the class, and `smoothing` spread over all classes.

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.
    """
    return (np.eye(classes)[targets] * (1 - smoothing) + smoothing / classes).astype(np.float32)


def class_weights(targets: list[int], classes: int, kind: ClassWeights) -> NDArray[np.float32]:
    """(classes,) the weight of a picture of each class. Balanced: n / (classes * pictures of the class), so each class counts the same.

    The heuristic of scikit-learn, after King and Zeng, "Logistic Regression in Rare Events Data", Political Analysis 9 (2001).
    """
    if kind == "none":
        return np.ones(classes, np.float32)
    counts = np.bincount(targets, minlength=classes)
    return (len(targets) / (classes * np.maximum(counts, 1))).astype(np.float32)
