"""Smoothed targets and class weights."""

import numpy as np
import pytest

from train.fitting.loss import class_weights, one_hot, smoothed


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_targets_sum_to_one_and_the_class_has_the_largest(smoothing: float) -> None:
    targets = smoothed(one_hot([2, 0], 4), smoothing)
    assert np.allclose(targets.sum(1), 1)
    assert targets.argmax(1).tolist() == [2, 0]
    assert targets[0].tolist() == pytest.approx(
        [smoothing / 4, smoothing / 4, 1 - 0.75 * smoothing, smoothing / 4]
    )


def test_balanced_classes_count_the_same_and_images_one_on_average() -> None:
    targets = [0] * 90 + [1] * 6 + [2] * 4
    weights = class_weights(targets, 3, "balanced")[targets]
    assert [weights[np.array(targets) == label].sum() for label in range(3)] == pytest.approx(
        [100 / 3] * 3
    )
    assert weights.mean() == pytest.approx(1)


def test_a_class_without_training_images_has_a_finite_weight() -> None:
    assert np.isfinite(class_weights([0, 0, 2], 3, "balanced")).all()


def test_without_class_weights_all_weights_are_one() -> None:
    assert class_weights([0, 0, 1], 2, "none").tolist() == [1, 1]
