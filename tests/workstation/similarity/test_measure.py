"""Tests AUROC, thresholds, and the promise of a threshold on new objects."""

import numpy as np
import pytest

from workstation.similarity.measure import (
    auroc,
    kept_of_new_objects,
    leave_classes_out,
    threshold_to_keep,
)


def test_auroc_counts_pairs_and_ties_half() -> None:
    assert auroc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1
    assert auroc(np.array([1.0]), np.array([1.0])) == 0.5
    assert auroc(np.array([1.0, 3.0]), np.array([2.0, 2.0, 0.0])) == pytest.approx(4 / 6)


def test_threshold_keeps_its_share_of_new_images_on_average() -> None:
    generator, kept = np.random.default_rng(0), []
    for _ in range(2000):
        values = generator.normal(size=60)
        kept.append(generator.normal(size=20) >= threshold_to_keep(values[:40], 0.95))
    assert 0.949 < np.mean(kept) < 0.975


def test_class_left_out_is_judged_by_the_other_classes() -> None:
    similarities = np.array([[0.9, 0.2, 0.1], [0.8, 0.1, 0.1], [0.1, 0.9, 0.85], [0.2, 0.3, 0.9]])
    rows = leave_classes_out(similarities, np.array([0, 0, 1, 2]), ("x", "y", "z"), 0.95)
    assert [(row.label, row.images, row.auroc) for row in rows] == [
        ("x", 2, 1.0),
        ("y", 1, pytest.approx(2 / 3)),
        ("z", 1, 1.0),
    ]
    assert rows[0].stopped == 1.0
    assert (rows[0].near, rows[0].near_images) == ("", 0)


def test_class_left_out_lands_near_the_class_that_it_is_like() -> None:
    similarities = np.tile([0.9, 0.2, 0.8], (8, 1))
    similarities[4:] = [0.2, 0.9, 0.3]
    similarities[7] = [0.2, 0.7, 0.9]
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    first = leave_classes_out(similarities, truth, ("x", "y", "z"), 0.5)[0]
    assert (first.near, first.near_images, first.stopped) == ("", 0, 1.0)
    similarities[0] = [0.9, 0.2, 0.95]
    first = leave_classes_out(similarities, truth, ("x", "y", "z"), 0.5)[0]
    assert (first.near, first.near_images, first.stopped) == ("z", 1, 0.75)


def test_promise_is_checked_on_other_objects() -> None:
    """Images of one object are alike, so thresholds fitted on images of it would always keep it."""
    generator = np.random.default_rng(0)
    level = generator.normal(size=40)
    values = np.repeat(level, 10) + 0.01 * generator.normal(size=400)
    groups = [f"object {index // 10}" for index in range(400)]
    by_object = kept_of_new_objects(values, groups, 0.95)
    assert by_object is not None
    kept, low, high = by_object
    assert low < kept <= high
    assert high - low > 0.05, "40 objects say less than 400 images"
    assert kept_of_new_objects(values[:40], groups[:40], 0.95) is None, "4 objects are too few"
