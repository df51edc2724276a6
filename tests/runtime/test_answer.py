"""Tests the two questions: is it one of the classes at all, and which one is it?"""

import pytest

from runtime.answer import Answer, Prediction, Thresholds, answer_text

PREDICTIONS = (Prediction("banana", 0.45), Prediction("lemon", 0.4), Prediction("kiwi", 0.15))


@pytest.mark.parametrize(
    ("score", "similarity", "verdict"),
    [
        (0.9, 0.8, "known"),
        (0.4, 0.8, "unsure"),
        (0.9, 0.2, "unknown"),
        (0.4, 0.2, "unknown"),
        (0.5, 0.6, "known"),
    ],
)
def test_similarity_comes_first(score: float, similarity: float, verdict: str) -> None:
    assert Thresholds(0.5, 0.6).verdict(score, similarity) == verdict


def test_without_similarities_a_low_score_is_unknown() -> None:
    assert Thresholds(0.5).verdict(0.4, None) == "unknown"
    assert Thresholds(0.5).verdict(0.5, None) == "known"


def test_answer_is_a_tuple_of_predictions_with_words() -> None:
    answer = Answer(PREDICTIONS, "unsure", 0.7)
    assert answer == PREDICTIONS
    assert answer[0].label == "banana"
    assert answer_text(answer.verdict, answer) == "unsure: banana or lemon"
    assert answer_text("known", answer) == "banana"
    assert answer_text("unknown", answer) == "unknown"
