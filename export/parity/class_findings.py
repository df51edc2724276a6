"""Counts what goes wrong in each class, from which the report says what would help most."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ClassFinding:
    """Holds the counts of one class on the test images, for one model file.

    images, right, unknown_images: its test images, how many get its label as best class, and how
    many are less similar to every class than the threshold of "unknown". taken_for: the class that
    its wrongly named images are most often taken for, and taken_for_images: how many; "" and 0
    without any. training_images: how many it was trained on, as far as their labels are known.
    """

    label: str
    images: int
    right: int
    unknown_images: int
    taken_for: str
    taken_for_images: int
    training_images: int


def find_per_class(
    truth: Indices,
    answers: Indices,
    unknown: NDArray[np.bool_],
    labels: Sequence[str],
    training_images: Mapping[str, int],
) -> tuple[ClassFinding, ...]:
    """Returns a finding for each class with test images, the one with most mistakes first.

    Args:
        truth: (n,) index of the right class.
        answers: (n,) index of the best class.
        unknown: (n,) whether the image is called unknown.
        labels: (classes,) names.
        training_images: by class.
    """
    findings = []
    for index in np.unique(truth):
        of_class = truth == index
        given = answers[of_class]
        wrong = Counter(given[given != index].tolist()).most_common(1)
        taken_for, count = wrong[0] if wrong else (None, 0)
        findings.append(
            ClassFinding(
                labels[index],
                int(of_class.sum()),
                int((given == index).sum()),
                int(unknown[of_class].sum()),
                "" if taken_for is None else labels[taken_for],
                count,
                training_images.get(labels[index], 0),
            )
        )
    return tuple(sorted(findings, key=lambda finding: finding.right - finding.images))
