"""Fits a model file's temperature and its threshold for "unknown" on what it answers for held-out pictures."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.confidence import COLDEST, HOTTEST, RIGHT_KEPT, Confidence, log_scores, tempered

LEAST_WRONG = 10
"""Wrong answers it takes to fit anything: how sure a model may be is learned from its mistakes, and a threshold that stops none of them
only turns right answers away."""
HALVINGS = 60
STEPS = 10_000
"""A threshold is rounded down to 1 / STEPS, so that another processor's last digit does not turn the picture on it away."""


def fit_confidence(scores: NDArray[np.float32], truth: NDArray[np.integer[Any]]) -> Confidence:
    """The confidence of a model file; one that changes no score and calls nothing unknown where fewer than LEAST_WRONG answers are wrong.

    Args:
        scores: (n, classes) what it answers for n held-out pictures, 0..1.
        truth: (n,) index of the right class.
    """
    if int((scores.argmax(1) != truth).sum()) < LEAST_WRONG:
        return Confidence(1.0, 0.0, len(truth), 1.0, 0.0)
    temperature = fit_temperature(scores, truth)
    probabilities = tempered(scores, temperature)
    right, top = probabilities.argmax(1) == truth, probabilities.max(1)
    threshold = keep_right(top[right], RIGHT_KEPT)
    stands = top >= threshold
    return Confidence(temperature, threshold, len(truth), _share(stands[right]), _share(~stands[~right]))


def fit_temperature(scores: NDArray[np.float32], truth: NDArray[np.integer[Any]]) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017), as `fit_confidence` takes its arguments.

    The likelihood is convex in 1/T, so the zero of its slope is found by halving. The right class counts (n + 1) / (n + 2) and the others
    share the rest, as in Platt's "Probabilistic Outputs for Support Vector Machines" (1999, section 2.2): few pictures that are all
    right must not make a model sure of everything.
    """
    logs = log_scores(scores)
    pictures, classes = logs.shape
    weight = (pictures + 1) / (pictures + 2)
    of_truth = logs[np.arange(pictures), truth]
    of_others = (logs.sum(1) - of_truth) / (classes - 1)
    wanted = float(np.mean(weight * of_truth + (1 - weight) * of_others))
    cold, hot = math.log(COLDEST), math.log(HOTTEST)
    for _ in range(HALVINGS):
        middle = (cold + hot) / 2
        found = float(np.mean((tempered(scores, math.exp(middle)) * logs).sum(1)))
        cold, hot = (middle, hot) if found > wanted else (cold, middle)
    return round(min(max(math.exp((cold + hot) / 2), COLDEST), HOTTEST), 4)


def keep_right(tops: NDArray[np.float32], share: float) -> float:
    """The highest threshold, 0..1, at which at least `share` of these (n,) scores of right answers stand; 0 where there are none."""
    if not len(tops):
        return 0.0
    lost = math.floor((1 - share) * len(tops) + 1e-9)
    return math.floor(float(np.sort(tops)[lost]) * STEPS) / STEPS


def _share(found: NDArray[np.bool_]) -> float:
    return float(found.mean()) if len(found) else 0.0
