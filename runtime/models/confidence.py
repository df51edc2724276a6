"""Holds a model file's own temperature, and the thresholds of "unknown" and "unsure".

`python -m export` fits them on the held-out images, with the exported file itself, and writes them
into the file's manifest. There are two questions. Is the image one of the classes at all? The
similarity to the training images answers it. Which class is it? The scores answer that.

The temperature T turns scores into frequencies: about 80 % of the answers with a score of 0.8 are
right. p^(1/T), normalized, is the softmax of the logits over T (Guo et al., "On Calibration of
Modern Neural Networks", ICML 2017, section 4.2), and needs no logits. It never changes which class
is the best.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.arrays import NDArray
from runtime.errors import InputRefused

DEFAULT_KEEP = 0.95
"""The fraction of known images, 0..1, that a threshold keeps."""
ROUNDED_AWAY = 1 / 512
"""The probability that all classes whose quantized score is 0 share: half a step of 1/256."""
FEW_CLASSES = 100
"""Up to so many, Python's own numbers take less time than numpy.

An inference drives numpy's code out of the processor's caches, so that each call takes 5 to 10 us.
"""
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.2, 20.0
"""The range of a fit; temperatures outside it mean that the scores say nothing."""

OPTIONAL = ("min_similarity", "known_kept", "known_kept_low", "known_kept_high")
"""Fields that are None in a file without similarities."""


@dataclass(frozen=True)
class Confidence:
    """Holds what was fitted on one model file.

    temperature: MIN_TEMPERATURE to MAX_TEMPERATURE; above 1 the model was surer than it was right.
    min_score: 0..1, of scores at that temperature; below it the answer is unsure. In a file
        without similarities it is unknown.
    images: how many images it was fitted on.
    right_kept: the fraction of right answers among them that are at least `min_score`, 0..1.
    wrong_refused: the fraction of wrong answers among them that are below it, 0..1.
    min_similarity: -1..1; an image that is less similar to every class is unknown. None if the
        file has no similarities.
    keep: the fraction of known images, 0..1, that `min_similarity` was fitted to keep.
    known_kept: the fraction of known images, 0..1, that thresholds fitted on other objects kept.
    known_kept_low, known_kept_high: its 95 % interval over objects.
    """

    temperature: float
    min_score: float
    images: int
    right_kept: float
    wrong_refused: float
    min_similarity: float | None = None
    keep: float = DEFAULT_KEEP
    known_kept: float | None = None
    known_kept_low: float | None = None
    known_kept_high: float | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("temperature", MIN_TEMPERATURE, MAX_TEMPERATURE),
            ("min_score", 0, 1),
            ("images", 1, math.inf),
            ("right_kept", 0, 1),
            ("wrong_refused", 0, 1),
            ("min_similarity", -1, 1),
            ("keep", 0, 1),
            ("known_kept", 0, 1),
            ("known_kept_low", 0, 1),
            ("known_kept_high", 0, 1),
        ):
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            if type(value) not in (int, float) or not low <= value <= high:
                raise InputRefused(
                    "manifest",
                    f"expected confidence.{name} from {low} to {high}, found {str(value)[:50]}",
                )


def apply_temperature(scores: NDArray[Any], temperature: float) -> NDArray[np.float32]:
    """Returns (..., classes) scores, 0..1, at `temperature`: float32, same shape, rows of sum 1."""
    if scores.ndim == 1 and len(scores) <= FEW_CLASSES:
        few = [score ** (1 / temperature) for score in _without_zeros(scores).tolist()]
        total = sum(few)
        return np.array([power / total for power in few], np.float32)
    powers = np.power(_without_zeros(scores), 1 / temperature, dtype=np.float64)
    probabilities: NDArray[np.float32] = (powers / powers.sum(-1, keepdims=True)).astype(np.float32)
    return probabilities


def log_scores(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the logarithms of (..., classes) scores in 0..1, as float64 of the same shape.

    A score of 0 counts as the probability that rounding may have taken from it.
    """
    logs: NDArray[np.float64] = np.log(_without_zeros(scores), dtype=np.float64)
    return logs


def _without_zeros(scores: NDArray[Any]) -> NDArray[Any]:
    if (min(scores.tolist()) if scores.ndim == 1 else scores.min()) > 0:
        return scores
    nonzero = np.where(scores > 0, scores, np.inf).astype(np.float64)
    smallest = np.minimum(nonzero.min(-1, keepdims=True), ROUNDED_AWAY / scores.shape[-1])
    return np.where(np.isinf(nonzero), smallest, nonzero)
