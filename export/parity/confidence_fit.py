"""Fits a model file's temperature and its threshold for "unknown" to its scores on test images."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.models.confidence import (
    MAX_TEMPERATURE,
    MIN_RIGHT_KEPT,
    MIN_TEMPERATURE,
    Confidence,
    apply_temperature,
    log_scores,
)

MIN_WRONG = 10
"""The wrong answers that a fit needs.

A model's mistakes show how sure it may be, and a threshold that stops none of them only refuses
right answers.
"""
HALVINGS = 60
STEPS = 10_000
"""A threshold is rounded down to 1 / STEPS, so that the last digit of another processor's score
does not refuse the image that set the threshold."""


def fit_confidence(scores: NDArray[np.float32], truth: NDArray[np.integer[Any]]) -> Confidence:
    """Returns the confidence of a model file.

    If fewer than MIN_WRONG answers are wrong, it changes no score and calls nothing unknown.

    Args:
        scores: (n, classes) of the file for n held-out images, 0..1.
        truth: (n,) index of the right class.
    """
    wrong = int((scores.argmax(1) != truth).sum())
    if wrong < MIN_WRONG:
        return Confidence(
            temperature=1.0, min_score=0.0, images=len(truth), right_kept=1.0, wrong_refused=0.0
        )
    temperature = fit_temperature(scores, truth)
    probabilities = apply_temperature(scores, temperature)
    right, top = probabilities.argmax(1) == truth, probabilities.max(1)
    threshold = threshold_to_keep(top[right], MIN_RIGHT_KEPT)
    kept = top >= threshold
    return Confidence(
        temperature,
        threshold,
        len(truth),
        right_kept=_fraction(kept[right]),
        wrong_refused=_fraction(~kept[~right]),
    )


def fit_temperature(scores: NDArray[np.float32], truth: NDArray[np.integer[Any]]) -> float:
    """Returns the temperature of least negative log-likelihood (Guo et al. 2017).

    The arguments are those of `fit_confidence`. The likelihood is convex in 1/T, so the zero of its
    slope is found by halving. The right class counts (n + 1) / (n + 2) and the others share the
    rest, as in Platt's "Probabilistic Outputs for Support Vector Machines" (1999, section 2.2): a
    few images that are all right must not make a model sure of everything.
    """
    logs = log_scores(scores)
    images, classes = logs.shape
    weight = (images + 1) / (images + 2)
    of_truth = logs[np.arange(images), truth]
    of_others = (logs.sum(1) - of_truth) / (classes - 1)
    target = float(np.mean(weight * of_truth + (1 - weight) * of_others))
    cold, hot = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
    for _ in range(HALVINGS):
        middle = (cold + hot) / 2
        expected = float(np.mean((apply_temperature(scores, math.exp(middle)) * logs).sum(1)))
        if expected > target:
            cold = middle
        else:
            hot = middle
    return round(min(max(math.exp((cold + hot) / 2), MIN_TEMPERATURE), MAX_TEMPERATURE), 4)


def threshold_to_keep(top_scores: NDArray[np.float32], fraction: float) -> float:
    """Returns the highest threshold, 0..1, that keeps at least `fraction` of the scores, (n,).

    The scores are those of right answers; without any the threshold is 0.
    """
    if not len(top_scores):
        return 0.0
    lost = math.floor((1 - fraction) * len(top_scores) + 1e-9)
    return math.floor(float(np.sort(top_scores)[lost]) * STEPS) / STEPS


def _fraction(mask: NDArray[np.bool_]) -> float:
    return float(mask.mean()) if len(mask) else 0.0
