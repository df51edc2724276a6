"""Tests the counts of each class."""

import numpy as np

from export.parity.class_findings import ClassFinding, find_per_class


def test_counts_of_each_class_and_the_worst_first() -> None:
    truth = np.array([0, 0, 1, 1, 1, 1, 2])
    answers = np.array([0, 0, 1, 2, 2, 0, 2])
    unknown = np.array([True, False, False, True, True, False, False])
    found = find_per_class(truth, answers, unknown, ("a", "b", "c", "d"), {"a": 5, "b": 7})
    assert found == (
        ClassFinding("b", 4, 1, 2, "c", 2, 7),
        ClassFinding("a", 2, 2, 1, "", 0, 5),
        ClassFinding("c", 1, 1, 0, "", 0, 0),
    )
