"""Tests the learning curve and what more images are worth on features whose answer is known."""

import numpy as np
import pytest

from train.review.class_worth import MORE, ClassWorth
from train.review.label_review import out_of_fold_scores
from train.review.learning_curve import PARTS, estimate_worth

LABELS = ("easy", "hard", "single")


def features(counts: dict[str, tuple[int, float]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Makes (objects, spread) of each class; an object has two images that are nearly the same."""
    generator = np.random.default_rng(0)
    rows, targets, groups = [], [], []
    for index, (label, (objects, spread)) in enumerate(counts.items()):
        centre = np.zeros(60)
        centre[index] = 3
        for number in range(objects):
            point = centre + spread * generator.normal(size=60)
            for _ in range(2):
                rows.append(point + 0.01 * generator.normal(size=60))
                targets.append(index)
                groups.append(f"{label}-{number}")
    return np.array(rows, np.float32), np.array(targets), groups


def _worth(values: np.ndarray, targets: np.ndarray, groups: list[str]):
    scores, _ = out_of_fold_scores(values, targets, groups, len(LABELS))
    return estimate_worth(values, targets, groups, LABELS, scores)


def test_more_images_of_a_hard_class_are_worth_more_than_of_an_easy_one() -> None:
    values, targets, groups = features({"easy": (30, 0.2), "hard": (30, 0.7), "single": (30, 0.7)})
    curve, worths = _worth(values, targets, groups)
    assert [point.images for point in curve] == [48, 90, 180], "whole objects, of each class"
    assert len(curve) == len(PARTS) + 1
    assert curve[0].accuracy < curve[-1].accuracy
    assert all(point.low <= point.accuracy <= point.high for point in curve)
    by_label = {row.label: row for row in worths}
    easy, hard = by_label["easy"], by_label["hard"]
    assert easy.recall == pytest.approx(1, abs=0.05)
    assert easy.gain is not None
    assert hard.gain is not None
    assert easy.gain < 0.05 < hard.gain
    assert hard.low is not None
    assert hard.high is not None
    assert hard.low <= hard.gain <= hard.high
    assert worths[0].label != "easy"


def test_class_of_few_objects_has_no_estimate_and_says_so() -> None:
    values, targets, groups = features({"easy": (20, 0.2), "hard": (20, 0.7), "single": (3, 0.2)})
    _, worths = _worth(values, targets, groups)
    assert worths[-1] == ClassWorth("single", 6, 3)
    assert worths[-1].sentence() == "'single' has 3 objects, too few to estimate from"


def test_sentence_names_the_points_and_their_interval() -> None:
    row = ClassWorth("hard", 40, 20, 0.75, 0.021, -0.003, 0.05)
    assert row.sentence() == (
        f"{MORE} more images of 'hard' are worth about 2.1 points (95 % interval -0.3 to 5.0): "
        "75.0% of its 40 images are right now"
    )
