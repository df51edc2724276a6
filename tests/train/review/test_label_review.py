"""Tests who scores whom in the review of labels, and which labels are suspect."""

import numpy as np
import pytest

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

from train.review.label_review import FOLDS, assign_folds, out_of_fold_scores


def _noise(groups: int, images: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Objects without any sign of their class: an image is its object and a little noise."""
    generator = np.random.default_rng(seed)
    names = np.repeat(np.arange(groups), images)
    features = generator.normal(0, 1, (groups, 200))[names]
    features += generator.normal(0, 0.05, features.shape)
    targets = generator.permutation(np.arange(groups) % 2)[names]
    return features.astype(np.float32), targets, [f"object {name}" for name in names]


def test_no_image_is_scored_by_a_head_that_saw_its_object() -> None:
    """Whoever saw the object knows its class by heart; whoever did not can only guess."""
    features, targets, groups = _noise(60, 6)
    alone = [str(index) for index in range(len(targets))]
    for names, low, high in ((groups, 0.3, 0.65), (alone, 0.95, 1)):
        scores, scored = out_of_fold_scores(features, targets, names, 2)
        assert scored.all()
        assert low <= (scores.argmax(1) == targets).mean() <= high


def test_folds_hold_whole_groups_and_some_of_each_class() -> None:
    targets = np.repeat([0, 1, 2], [40, 20, 10])
    groups = [f"group {index // 2}" for index in range(70)]
    folds = assign_folds(targets, groups)
    for group in set(groups):
        assert len({fold for fold, name in zip(folds, groups, strict=True) if name == group}) == 1
    for label, count in enumerate((40, 20, 10)):
        assert np.bincount(folds[targets == label], minlength=FOLDS).tolist() == [count // 5] * 5


@pytest.mark.parametrize(("objects", "reviewed"), [(1, False), (2, True), (4, True)])
def test_class_of_fewer_objects_than_folds_is_reviewed_if_it_has_two(
    objects: int, reviewed: bool
) -> None:
    features, targets, groups = _noise(30, 4)
    targets[: 4 * objects] = 2
    targets[4 * objects :] %= 2
    scores, scored = out_of_fold_scores(features, targets, groups, 3)
    assert scored[targets != 2].all()
    assert scored[targets == 2].tolist() == [reviewed] * (4 * objects)
    assert np.allclose(scores[scored].sum(1), 1, atol=1e-4)
