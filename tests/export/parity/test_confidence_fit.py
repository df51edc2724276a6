"""A fit finds the known temperature of scores, and a threshold that keeps its promise."""

import numpy as np
import pytest

from export.parity.confidence_fit import fit_confidence, fit_temperature
from runtime.models.confidence import MAX_TEMPERATURE, MIN_TEMPERATURE, apply_temperature
from runtime.shared.parity import calibration_error
from workstation.similarity.measure import threshold_to_keep


def answers(
    temperature: float, images: int, classes: int = 4, seed: int = 7
) -> tuple[np.ndarray, np.ndarray]:
    """Returns scores of a model that needs `temperature`, and truths drawn at it."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 2, (images, classes))
    right = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([chance.choice(classes, p=row) for row in right])
    powers = np.exp(logits * temperature)
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 4.0])
def test_the_temperature_of_the_model_is_found(temperature: float) -> None:
    scores, truth = answers(temperature, 4000)
    assert fit_temperature(scores, truth) == pytest.approx(temperature, rel=0.06)


def test_no_other_temperature_has_a_smaller_likelihood_loss() -> None:
    scores, truth = answers(2.0, 500)
    best = fit_temperature(scores, truth)

    def loss(temperature: float) -> float:
        return float(-np.log(apply_temperature(scores, temperature)[np.arange(500), truth]).mean())

    assert loss(best) < min(loss(best * 0.9), loss(best * 1.1), loss(1.0))


def test_a_surer_model_than_right_is_calibrated_also_where_its_scores_have_256_steps() -> None:
    scores, truth = answers(3.0, 4000)
    rounded = (np.minimum(np.round(scores * 256), 255) / 256).astype(np.float32)
    assert (rounded == 0).mean() > 0.2, "else the test is without its point"
    fitted = apply_temperature(rounded, fit_temperature(rounded, truth))
    assert calibration_error(fitted, truth) < calibration_error(rounded, truth) / 2


@pytest.mark.parametrize("images", [1, 5, 100])
def test_few_images_that_are_all_right_do_not_make_it_sure_of_everything(images: int) -> None:
    scores = np.tile(np.float32([0.9, 0.1]), (images, 1))
    fitted = fit_temperature(scores, np.zeros(images, int))
    assert apply_temperature(scores, fitted)[0, 0] == pytest.approx(
        (images + 1) / (images + 2), abs=0.01
    )


def test_saturated_scores_stay_within_the_bounds() -> None:
    scores = np.tile(np.float32([1, 0, 0]), (50, 1))
    assert MIN_TEMPERATURE <= fit_temperature(scores, np.zeros(50, int)) <= MAX_TEMPERATURE
    assert fit_temperature(scores, np.ones(50, int)) == MAX_TEMPERATURE


def test_threshold_keeps_the_promised_share_of_right_answers() -> None:
    scores, truth = answers(2.0, 1000)
    confidence = fit_confidence(scores, truth)
    top = apply_temperature(scores, confidence.temperature)
    right = top.argmax(1) == truth
    kept = (top.max(1) >= confidence.min_score)[right]
    assert 0.95 <= kept.mean() < 0.96
    assert confidence.right_kept == pytest.approx(kept.mean())
    assert confidence.wrong_refused == pytest.approx(
        (top.max(1) < confidence.min_score)[~right].mean()
    )
    assert confidence.wrong_refused > 0.1
    assert confidence.images == 1000


def test_below_39_right_answers_none_is_given_up_and_without_any_none_is_unknown() -> None:
    tops = np.linspace(0.5, 0.9, 38, dtype=np.float32)
    assert threshold_to_keep(tops, 0.95) == 0.5
    assert threshold_to_keep(np.append(tops, np.float32(0.95)), 0.95) > 0.5
    assert threshold_to_keep(tops[:0], 0.95) == 0.0


def test_threshold_is_not_above_the_image_it_stands_on() -> None:
    for top in (0.33333334, 0.99999994, 1.0):
        assert top - 1e-4 <= threshold_to_keep(np.float32([top]), 0.95) <= top


@pytest.mark.parametrize(("wrong", "fitted"), [(0, False), (9, False), (10, True)])
def test_nothing_is_fitted_to_a_handful_of_mistakes(wrong: int, fitted: bool) -> None:
    scores = np.tile(np.float32([0.7, 0.3]), (50, 1))
    confidence = fit_confidence(scores, np.array([1] * wrong + [0] * (50 - wrong)))
    assert (confidence.min_score > 0, confidence.temperature != 1) == (fitted, fitted)
    assert confidence.images == 50


def test_with_similarities_thresholds_need_no_mistake() -> None:
    scores = np.tile(np.float32([0.9, 0.1]), (100, 1))
    scores[:20] = (0.7, 0.3)
    similarities = np.linspace(0.4, 0.8, 200, dtype=np.float32).reshape(100, 2)
    confidence = fit_confidence(scores, np.zeros(100, int), similarities)
    assert (confidence.temperature, confidence.min_score) == (1.0, 0.5)
    assert confidence.min_similarity is not None
    kept = (similarities.max(1) >= confidence.min_similarity).mean()
    assert 0.95 <= kept <= 0.97
    assert confidence.known_kept == pytest.approx(0.95, abs=0.02)


def test_unsure_stops_mistakes_between_two_classes() -> None:
    """The best of two probabilities is never below 0.5, so a threshold of 0.5 would stop none."""
    scores, truth = answers(2.0, 600, classes=2)
    similarities = np.full((600, 2), 0.7, np.float32)
    confidence = fit_confidence(scores, truth, similarities)
    assert confidence.min_score > 0.5
    assert confidence.wrong_refused > 0.05
