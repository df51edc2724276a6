"""export.confidence: a fit on scores whose true temperature is known, and what the threshold promises."""

import numpy as np
import pytest

from export.confidence import fit_confidence, fit_temperature, keep_right
from runtime.confidence import COLDEST, HOTTEST, tempered
from runtime.parity import calibration_error


def answers(temperature: float, pictures: int, classes: int = 4, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a model whose right temperature is `temperature`, and the truths, drawn from the probabilities at it."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 2, (pictures, classes))
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
        return float(-np.log(tempered(scores, temperature)[np.arange(500), truth]).mean())

    assert loss(best) < min(loss(best * 0.9), loss(best * 1.1), loss(1.0))


def test_a_surer_model_than_right_is_calibrated_also_where_its_scores_have_256_steps() -> None:
    scores, truth = answers(3.0, 4000)
    rounded = (np.minimum(np.round(scores * 256), 255) / 256).astype(np.float32)
    assert (rounded == 0).mean() > 0.2, "else the test is without its point"
    fitted = tempered(rounded, fit_temperature(rounded, truth))
    assert calibration_error(fitted, truth) < calibration_error(rounded, truth) / 2


@pytest.mark.parametrize("pictures", [1, 5, 100])
def test_few_pictures_that_are_all_right_do_not_make_it_sure_of_everything(pictures: int) -> None:
    scores = np.tile(np.float32([0.9, 0.1]), (pictures, 1))
    fitted = fit_temperature(scores, np.zeros(pictures, int))
    assert tempered(scores, fitted)[0, 0] == pytest.approx((pictures + 1) / (pictures + 2), abs=0.01)


def test_saturated_scores_stay_within_the_bounds() -> None:
    scores = np.tile(np.float32([1, 0, 0]), (50, 1))
    assert COLDEST <= fit_temperature(scores, np.zeros(50, int)) <= HOTTEST
    assert fit_temperature(scores, np.ones(50, int)) == HOTTEST


def test_threshold_keeps_the_promised_share_of_right_answers() -> None:
    scores, truth = answers(2.0, 1000)
    found = fit_confidence(scores, truth)
    top = tempered(scores, found.temperature)
    right = top.argmax(1) == truth
    kept = (top.max(1) >= found.min_score)[right]
    assert 0.95 <= kept.mean() < 0.96
    assert found.right_kept == pytest.approx(kept.mean())
    assert found.wrong_refused == pytest.approx((top.max(1) < found.min_score)[~right].mean())
    assert found.wrong_refused > 0.1
    assert found.pictures == 1000


def test_below_20_right_answers_none_is_given_up_and_without_any_none_is_unknown() -> None:
    tops = np.linspace(0.5, 0.9, 19, dtype=np.float32)
    assert keep_right(tops, 0.95) == 0.5
    assert keep_right(np.append(tops, np.float32(0.95)), 0.95) > 0.5
    assert keep_right(tops[:0], 0.95) == 0.0


def test_threshold_is_not_above_the_picture_it_stands_on() -> None:
    for top in (0.33333334, 0.99999994, 1.0):
        assert top - 1e-4 <= keep_right(np.float32([top]), 0.95) <= top


@pytest.mark.parametrize(("wrong", "fitted"), [(0, False), (9, False), (10, True)])
def test_nothing_is_fitted_to_a_handful_of_mistakes(wrong: int, fitted: bool) -> None:
    scores = np.tile(np.float32([0.7, 0.3]), (50, 1))
    found = fit_confidence(scores, np.array([1] * wrong + [0] * (50 - wrong)))
    assert (found.min_score > 0, found.temperature != 1) == (fitted, fitted)
    assert found.pictures == 50
