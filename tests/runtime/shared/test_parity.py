"""runtime.shared.parity: the comparison that decides whether an export may be published."""

import numpy as np
import pytest

from runtime.shared.parity import MAX_FLIPS, LabelChange, compare, select_true_scores
from runtime.shared.statistics import paired_interval

LABELS = ("a", "b", "c")


def scores(*tops: int, height: float = 0.8) -> np.ndarray:
    """One row an image: `height` for its top class, the rest shared by the others."""
    rows = np.full((len(tops), 3), (1 - height) / 2, np.float32)
    rows[range(len(tops)), tops] = height
    return rows


def names(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def test_equal_models_agree_and_drop_nothing() -> None:
    truth, reference = np.array([0, 1, 2, 0]), scores(0, 1, 2, 1)
    report = compare(names(4), truth, reference, reference.copy(), LABELS)
    assert (
        report.images,
        report.agreement,
        report.reference_accuracy,
        report.candidate_accuracy,
    ) == (4, 1, 0.75, 0.75)
    assert (
        report.drop,
        report.mean_score_error,
        report.worst_score_error,
        report.flips,
        report.constant,
    ) == (0, 0, 0, (), False)
    assert report.drop_low == pytest.approx(-report.drop_high)


def test_drop_is_positive_when_the_candidate_is_worse() -> None:
    truth = np.array([0, 1, 2, 0])
    worse = compare(names(4), truth, scores(0, 1, 2, 0), scores(0, 1, 0, 1), LABELS)
    better = compare(names(4), truth, scores(0, 1, 0, 1), scores(0, 1, 2, 0), LABELS)
    assert (worse.drop, worse.reference_accuracy, worse.candidate_accuracy) == (0.5, 1.0, 0.5)
    assert better.drop == -0.5
    assert (better.drop_low, better.drop_high) == pytest.approx((-worse.drop_high, -worse.drop_low))


def test_drop_is_the_difference_of_the_accuracies_with_losses_and_gains() -> None:
    truth = np.array([0, 0, 0, 0, 0])
    report = compare(names(5), truth, scores(0, 0, 0, 1, 1), scores(1, 0, 2, 0, 2), LABELS)
    assert (
        report.drop
        == pytest.approx(report.reference_accuracy - report.candidate_accuracy)
        == pytest.approx(0.2)
    )
    assert (report.drop_low, report.drop_high) == paired_interval(lost=2, gained=1, images=5)


def test_interval_is_wider_where_images_show_the_same_objects() -> None:
    """All images of object 0 are lost: one unlucky object, not 20 independent images."""
    truth, right = np.zeros(100, int), scores(*[0] * 100)
    candidate = scores(*[1] * 20, *[0] * 80)
    groups = [f"object {number // 20}" for number in range(100)]
    alone = compare(names(100), truth, right, candidate, LABELS)
    grouped = compare(names(100), truth, right, candidate, LABELS, groups)
    assert (alone.sample, grouped.sample) == ("100 images", "100 images of 5 objects")
    assert grouped.drop == alone.drop == 0.2
    assert grouped.drop_high > alone.drop_high + 0.1


def test_flips_are_named_with_each_models_own_label_and_score() -> None:
    report = compare(
        names(3),
        np.array([0, 0, 2]),
        scores(0, 1, 2, height=0.9),
        scores(0, 2, 2, height=0.6),
        LABELS,
    )
    assert report.flips == (
        LabelChange("1.jpg", "a", "b", pytest.approx(0.9), "c", pytest.approx(0.6)),
    )
    assert report.agreement == pytest.approx(2 / 3)


def test_flip_between_two_wrong_labels_counts_as_disagreement_but_not_as_drop() -> None:
    report = compare(names(2), np.array([0, 0]), scores(0, 1), scores(0, 2), LABELS)
    assert (report.drop, report.agreement, len(report.flips)) == (0, 0.5, 1)


def test_score_errors_are_over_every_class() -> None:
    reference = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32)
    candidate = np.array([[0.6, 0.3, 0.1], [0.5, 0.3, 0.2]], np.float32)
    report = compare(names(2), np.array([0, 0]), reference, candidate, LABELS)
    assert report.worst_score_error == pytest.approx(0.1)
    assert report.mean_score_error == pytest.approx(0.2 / 6)


def test_same_answer_to_every_image_is_constant() -> None:
    truth = np.array([0, 0, 0])
    assert compare(names(3), truth, scores(0, 1, 2), scores(0, 0, 0), LABELS).constant
    assert not compare(names(3), truth, scores(0, 1, 2), scores(0, 0, 1), LABELS).constant
    assert not compare(names(1), truth[:1], scores(0), scores(0), LABELS).constant, (
        "one image says nothing"
    )


def test_true_scores_are_those_of_the_true_class_in_thousandths() -> None:
    chosen = compare(
        names(3), np.array([0, 1, 2]), scores(0, 1, 0), scores(0, 2, 0, height=0.6), LABELS
    ).true_scores
    assert (chosen.reference_scores, chosen.candidate_scores, chosen.flipped) == (
        (800, 800, 100),
        (600, 200, 200),
        (1,),
    )


def test_of_many_images_all_flipped_ones_and_a_spread_of_the_others_are_kept() -> None:
    reference = scores(*[0] * 100)
    candidate = scores(*[1 if number in (3, 97) else 0 for number in range(100)])
    reference[:, 0] = np.arange(100) / 1000 + 0.5
    chosen = select_true_scores(np.zeros(100, int), reference, candidate, max_images=12)
    assert len(chosen.reference_scores) == 12
    assert [chosen.reference_scores[index] for index in chosen.flipped] == [503, 597]
    assert chosen.reference_scores[0] == 500
    assert chosen.reference_scores[-1] == 599
    flipped = select_true_scores(np.zeros(100, int), reference, scores(*[1] * 100), max_images=12)
    assert len(flipped.reference_scores) == len(flipped.flipped) == 12


def test_of_very_many_flips_those_are_kept_of_which_the_reference_was_surest() -> None:
    images = MAX_FLIPS + 500
    sure = np.linspace(0.6, 1, images, dtype=np.float32)
    reference = np.stack([sure, 1 - sure], axis=1)
    report = compare(
        [str(n) for n in range(images)],
        np.zeros(images, int),
        reference,
        reference[:, ::-1],
        ("a", "b"),
    )
    assert len(report.flips) == MAX_FLIPS
    assert min(flip.reference_score for flip in report.flips) > 0.7
    assert report.agreement == 0
