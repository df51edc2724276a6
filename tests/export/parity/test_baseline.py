"""A model that looks at the image is told from one that does not, however unequal the classes."""

import numpy as np
import pytest

from export.parity.baseline import check_answers

LABELS = ("a", "b", "c", "d")


def truth_of(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize("counts", [(120, 120, 120, 120), (3, 3, 3, 3), (99, 2)])
def test_a_model_that_is_always_right_is_useful(counts: tuple[int, ...]) -> None:
    truth = truth_of(*counts)
    assert check_answers(truth, truth, LABELS[: len(counts)]).is_useful


@pytest.mark.parametrize("counts", [(120, 120, 120, 120), (3, 3, 3, 3), (2, 2), (95, 5)])
def test_reversed_labels_are_poor(counts: tuple[int, ...]) -> None:
    truth = truth_of(*counts)
    judged = check_answers(truth, len(counts) - 1 - truth, LABELS[: len(counts)])
    assert judged.poor
    assert judged.right == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("counts", [(120, 120, 120, 120), (900, 100)])
def test_answers_without_a_look_are_poor(counts: tuple[int, ...], seed: int) -> None:
    truth = truth_of(*counts)
    answers = np.random.default_rng(seed).permutation(truth)
    assert not check_answers(truth, answers, LABELS[: len(counts)]).is_useful


@pytest.mark.parametrize(
    ("counts", "share"), [((120, 120, 120, 120), 1), ((95, 5), 1), ((120, 120), 0.95)]
)
def test_nearly_one_answer_is_poor_even_where_most_answers_are_right(
    counts: tuple[int, ...], share: float
) -> None:
    truth = truth_of(*counts)
    answers = np.zeros_like(truth)
    answers[round(share * len(truth)) :] = truth[-1]
    judged = check_answers(truth, answers, LABELS[: len(counts)])
    assert "answers 'a' to" in judged.poor


def test_a_good_model_on_unequal_classes_is_useful_below_the_accuracy_of_one_answer() -> None:
    truth = truth_of(950, 50)
    answers = truth.copy()
    answers[:80] = 1
    answers[950:955] = 0
    judged = check_answers(truth, answers, LABELS[:2])
    assert judged.accuracy < 0.95
    assert judged.is_useful


def test_a_weak_model_of_many_classes_is_useful() -> None:
    truth = np.repeat(np.arange(100), 5)
    answers = np.random.default_rng(1).integers(0, 100, len(truth))
    answers[::7] = truth[::7]
    assert check_answers(truth, answers, tuple(map(str, range(100)))).is_useful


@pytest.mark.parametrize(
    ("counts", "wrong"), [((99, 1), [99]), ((2, 2), [0, 3]), ((5,), []), ((1, 0), [])]
)
def test_images_that_cannot_decide_are_a_doubt(counts: tuple[int, ...], wrong: list[int]) -> None:
    """One missed image of a rare class, four images, or one class alone prove nothing."""
    truth = truth_of(*counts)
    answers = truth.copy()
    answers[wrong] = 1 - truth[wrong]
    judged = check_answers(truth, answers, LABELS[:2])
    assert "too few" in judged.doubt
    assert not judged.poor


def test_small_sets_do_not_refuse_a_useful_model() -> None:
    """A model of 90 % on 12 images of 3 classes: at most 1 of 300 sets may refuse it."""
    truth, refused = truth_of(4, 4, 4), 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        wrong = generator.random(12) > 0.9
        answers = np.where(wrong, (truth + 1) % 3, truth)
        refused += bool(check_answers(truth, answers, LABELS[:3]).poor)
    assert refused <= 1
