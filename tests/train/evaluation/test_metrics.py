"""Accuracy, its interval, and the scores of each class, against numbers computed by hand."""

from dataclasses import astuple

import numpy as np
import pytest

from train.evaluation.metrics import compute_metrics, confident_mistakes, confusion_matrix
from train.evaluation.predictions import LabelledPrediction

LABELS = ("ant", "bee", "cat")


def predictions(*pairs: str) -> list[LabelledPrediction]:
    """Returns a prediction per pair: "ab" is an ant predicted as a bee; scores fall."""
    labels = {label[0]: label for label in LABELS}
    return [
        LabelledPrediction(f"{n}.jpg", labels[pair[0]], labels[pair[1]], 0.9 - 0.1 * n, "")
        for n, pair in enumerate(pairs)
    ]


def test_scores_of_each_class() -> None:
    metrics = compute_metrics(LABELS, predictions("aa", "aa", "aa", "ab", "bb", "ba"))
    ant, bee, cat = metrics.class_scores
    assert astuple(ant) == ("ant", 4, 4, 0.75, 0.75, 0.75)
    assert astuple(bee) == ("bee", 2, 2, 0.5, 0.5, 0.5)
    assert astuple(cat) == ("cat", 0, 0, None, None, None)
    assert [score.label for score in metrics.worst_first()] == ["bee", "ant", "cat"]


def test_a_rare_class_that_is_never_right_shows_in_the_balanced_accuracy() -> None:
    metrics = compute_metrics(LABELS, predictions(*["aa"] * 98, "ba", "ba"))
    assert metrics.accuracy == 0.98
    assert metrics.balanced_accuracy == 0.5
    assert (metrics.majority, metrics.majority_label) == (0.98, "ant"), (
        "the model predicts one class"
    )
    assert metrics.class_scores[1].class_precision is None
    assert metrics.class_scores[1].f1 == 0


def test_confusions_are_counted_and_the_most_frequent_first() -> None:
    answers = predictions("aa", "ab", "cb", "cb", "cc")
    assert confusion_matrix(LABELS, answers).tolist() == [[1, 1, 0], [0, 0, 0], [0, 2, 1]]
    confusions = compute_metrics(LABELS, answers).confusions
    assert [astuple(confusion) for confusion in confusions] == [
        ("cat", "bee", 2),
        ("ant", "bee", 1),
    ]


def test_the_most_confident_mistakes_come_first_and_correct_predictions_never() -> None:
    mistakes = confident_mistakes(predictions("aa", "ab", "bb", "cb"), max_mistakes=10)
    assert [mistake.path for mistake in mistakes] == ["1.jpg", "3.jpg"]
    mistakes = confident_mistakes(predictions("ab", "ac", "ab"), max_mistakes=2)
    assert [mistake.path for mistake in mistakes] == ["0.jpg", "1.jpg"]


def test_every_image_right_still_has_an_interval() -> None:
    metrics = compute_metrics(LABELS, predictions("aa", "bb", "cc"))
    assert (metrics.accuracy, metrics.high) == (1, 1)
    assert metrics.low == pytest.approx(3 / (3 + 1.959964**2))
    assert np.isclose(metrics.balanced_accuracy, 1)
