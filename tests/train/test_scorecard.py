"""Accuracy, its interval, and the figures of each class, against numbers worked out elsewhere."""

import numpy as np
import pytest

from train.judged import Judged
from train.scorecard import confident_mistakes, confusion_matrix, interval, score

LABELS = ("ant", "bee", "cat")


def judged(*pairs: str) -> list[Judged]:
    """ "ab" is an ant called a bee; scores fall from picture to picture."""
    full = {label[0]: label for label in LABELS}
    return [Judged(f"{n}.jpg", full[pair[0]], full[pair[1]], 0.9 - 0.1 * n, "") for n, pair in enumerate(pairs)]


@pytest.mark.parametrize(
    ("right", "pictures", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_is_that_of_newcombes_table(right: int, pictures: int, low: float, high: float) -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I, method 3."""
    assert interval(right, pictures) == pytest.approx((low, high), abs=5e-5)
    assert interval(pictures - right, pictures) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_figures_of_each_class() -> None:
    card = score(LABELS, judged("aa", "aa", "aa", "ab", "bb", "ba"))
    ant, bee, cat = card.classes
    assert (ant.pictures, ant.said, ant.recall, ant.precision, ant.f1) == (4, 4, 0.75, 0.75, 0.75)
    assert (bee.pictures, bee.said, bee.recall, bee.precision, bee.f1) == (2, 2, 0.5, 0.5, 0.5)
    assert (cat.pictures, cat.said, cat.recall, cat.precision, cat.f1) == (0, 0, None, None, None)
    assert [one.label for one in card.worst_first()] == ["bee", "ant", "cat"]


def test_a_rare_class_that_is_never_right_shows_in_the_balanced_accuracy() -> None:
    card = score(LABELS, judged(*["aa"] * 98, "ba", "ba"))
    assert card.accuracy == 0.98
    assert card.balanced_accuracy == 0.5
    assert (card.majority, card.majority_label) == (0.98, "ant"), "and it does not look once"
    assert card.classes[1].precision is None
    assert card.classes[1].f1 == 0


def test_confusions_are_counted_and_the_most_frequent_first() -> None:
    answers = judged("aa", "ab", "cb", "cb", "cc")
    assert confusion_matrix(LABELS, answers).tolist() == [[1, 1, 0], [0, 0, 0], [0, 2, 1]]
    assert [(one.label, one.said, one.pictures) for one in score(LABELS, answers).confusions] == [("cat", "bee", 2), ("ant", "bee", 1)]


def test_the_surest_mistakes_come_first_and_right_answers_never() -> None:
    mistakes = confident_mistakes(judged("aa", "ab", "bb", "cb"), most=10)
    assert [one.path for one in mistakes] == ["1.jpg", "3.jpg"]
    assert [one.path for one in confident_mistakes(judged("ab", "ac", "ab"), most=2)] == ["0.jpg", "1.jpg"]


def test_every_picture_right_still_has_an_interval() -> None:
    card = score(LABELS, judged("aa", "bb", "cc"))
    assert (card.accuracy, card.high) == (1, 1)
    assert card.low == pytest.approx(3 / (3 + 1.959964**2))
    assert np.isclose(card.balanced_accuracy, 1)
