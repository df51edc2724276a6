"""Fits a model file's temperature and its thresholds to what it answers to the test images."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.models.confidence import (
    DEFAULT_KEEP,
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    Confidence,
    apply_temperature,
    log_scores,
)
from workstation.similarity.measure import kept_of_new_objects, threshold_to_keep

MIN_WRONG = 10
"""The wrong answers that a fit needs.

A model's mistakes show how sure it may be. In a file without similarities, a threshold that stops
no mistake only refuses right answers.
"""
HALVINGS = 60
MAX_UNSURE = 0.5
"""An answer of a higher probability is more likely right than wrong, and so is not unsure."""


def fit_confidence(
    scores: NDArray[np.float32],
    truth: NDArray[np.integer[Any]],
    similarities: NDArray[np.float32] | None = None,
    groups: Sequence[str] = (),
    keep: float = DEFAULT_KEEP,
) -> Confidence:
    """Returns the confidence of a model file.

    If fewer than MIN_WRONG answers are wrong, it changes no score. With similarities, the
    thresholds need no wrong answer: that of "unknown" keeps `keep` of all images, and that of
    "unsure" keeps `keep` of the right answers, but is at most MAX_UNSURE without so many mistakes.

    Args:
        scores: (n, classes) of the file for n held-out images, 0..1.
        truth: (n,) index of the right class.
        similarities: (n, classes) of the same images, -1..1, if the file has them.
        groups: (n,) the object that each image shows; an empty name, or no groups: one of its own.
        keep: the fraction of known images to keep, 0..1.
    """
    wrong = int((scores.argmax(1) != truth).sum())
    few_wrong = wrong < MIN_WRONG
    if few_wrong and similarities is None:
        return Confidence(
            temperature=1.0, min_score=0.0, images=len(truth), right_kept=1.0, wrong_refused=0.0
        )
    temperature = 1.0 if few_wrong else fit_temperature(scores, truth)
    probabilities = apply_temperature(scores, temperature)
    right, top = probabilities.argmax(1) == truth, probabilities.max(1)
    threshold = threshold_to_keep(top[right], keep)
    if few_wrong:
        threshold = min(threshold, MAX_UNSURE)
    kept = top >= threshold
    confidence = Confidence(
        temperature,
        threshold,
        len(truth),
        right_kept=_fraction(kept[right]),
        wrong_refused=_fraction(~kept[~right]),
        keep=keep,
    )
    if similarities is None:
        return confidence
    highest = similarities.max(1)
    checked = kept_of_new_objects(highest, groups or [""] * len(truth), keep)
    part, low, high = checked or (None, None, None)
    return replace(
        confidence,
        min_similarity=threshold_to_keep(highest, keep),
        known_kept=part,
        known_kept_low=low,
        known_kept_high=high,
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


def _fraction(mask: NDArray[np.bool_]) -> float:
    return float(mask.mean()) if len(mask) else 0.0
