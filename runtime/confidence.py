"""How sure is sure enough: a model file's own temperature, and the score below which its answer is "unknown".

`python -m export` fits both on the held-out pictures, with the exported file itself, and writes them into the file's manifest.

The temperature T makes scores frequencies: of the answers with a score of 0.8 about 80 % are right. p^(1/T), normalised, is the softmax
of the logits over T (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2), and needs no logits. It never changes
which class is the best. The threshold keeps 95 of 100 right answers; what is less sure than that is called unknown.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused

RIGHT_KEPT = 0.95
"""The share of right answers, 0..1, that the threshold leaves standing on the pictures it was fitted on."""
UNSEEN = 1 / 512
"""What all classes together are given that a quantized output rounds to 0: half a step of 1/256, shared by the classes."""
COLDEST, HOTTEST = 0.2, 20.0
"""Temperatures that a fit may give: beyond them the scores say nothing."""


@dataclass(frozen=True)
class Confidence:
    """What was fitted on one model file.

    temperature: from COLDEST to HOTTEST; above 1 the model was surer than right. min_score: 0..1, of tempered scores; below it the answer
    is unknown. pictures: it was fitted on. right_kept, wrong_refused: of those, the share of right answers that stand and of wrong ones
    that become unknown, 0..1.
    """

    temperature: float
    min_score: float
    pictures: int
    right_kept: float
    wrong_refused: float

    def __post_init__(self) -> None:
        for name, low, high in (
            ("temperature", COLDEST, HOTTEST),
            ("min_score", 0, 1),
            ("pictures", 1, math.inf),
            ("right_kept", 0, 1),
            ("wrong_refused", 0, 1),
        ):
            value = getattr(self, name)
            if type(value) not in (int, float) or not low <= value <= high:
                raise InputRefused("manifest", f"expected confidence.{name} from {low} to {high}, found {str(value)[:50]}")


def tempered(scores: NDArray[Any], temperature: float) -> NDArray[np.float32]:
    """(..., classes) scores, 0..1 -> the same shape, float32, at `temperature`, each row with the sum 1."""
    logs = log_scores(scores) / temperature
    powers = np.exp(logs - logs.max(-1, keepdims=True))
    shares: NDArray[np.float32] = (powers / powers.sum(-1, keepdims=True)).astype(np.float32)
    return shares


def log_scores(scores: NDArray[Any]) -> NDArray[np.float64]:
    """(..., classes) scores, 0..1 -> their logarithms, float64; a score of 0 counts as the share that rounding may have taken from it."""
    values = np.where(scores > 0, scores, np.inf).astype(np.float64)
    least = np.minimum(values.min(-1, keepdims=True), UNSEEN / scores.shape[-1])
    logs: NDArray[np.float64] = np.log(np.where(np.isinf(values), least, values))
    return logs
