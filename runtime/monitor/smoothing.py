"""Turns a camera's scores, frame by frame, into a stable answer.

Averages the scores of the last frames. An average below the threshold is unknown. A new answer
becomes stable only after several equal answers in a row. Frames from before a loss of the source do
not count after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused


@dataclass(frozen=True)
class SmoothingRules:
    """How scores become a stable answer.

    min_score: 0..1; an average below it is unknown. stable: equal answers in a row before one is
    stable. window: frames to average.
    """

    min_score: float = 0.0
    stable: int = 3
    window: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise InputRefused(
                "--min-score", f"expected a score from 0 to 1, found {self.min_score}"
            )
        if self.stable < 1 or self.window < 1:
            raise InputRefused(
                "smoothing",
                "expected --stable and --window of at least 1 frame, "
                f"found {self.stable} and {self.window}",
            )


@dataclass(frozen=True)
class SmoothedAnswer:
    """A label, or None for unknown, and the score of the best class in either case, 0..1."""

    label: str | None
    score: float


@dataclass(frozen=True)
class Decision:
    """The state after a frame, or before the first.

    scores: (classes,) float32 of each of the last frames, at most a window of them. average:
    (classes,) their mean, 0..1, None before any frame. candidate: the answer for this average;
    repeats: how many frames in a row gave it. stable: the stable answer, None before there is one.
    changed: whether it became stable with this frame.
    """

    scores: tuple[NDArray[np.float32], ...] = ()
    average: NDArray[np.float32] | None = None
    candidate: SmoothedAnswer | None = None
    repeats: int = 0
    stable: SmoothedAnswer | None = None
    changed: bool = False


NO_DECISION = Decision()
"""The state before the first frame, and after a source was lost."""


def update_decision(
    before: Decision, scores: NDArray[np.float32], labels: Sequence[str], rules: SmoothingRules
) -> Decision:
    """Returns the state after one more frame.

    Args:
        before: the state before it.
        scores: (classes,) float32 of the frame, 0..1, in the order of `labels`.
        labels: the names of the classes.
        rules: how scores become a stable answer.
    """
    recent = (*before.scores, scores)[-rules.window :]
    average = np.asarray(np.mean(recent, axis=0, dtype=np.float64), np.float32)
    best = int(average.argmax())
    score = float(average[best])
    candidate = SmoothedAnswer(labels[best] if average[best] >= rules.min_score else None, score)
    repeated = before.candidate is not None and before.candidate.label == candidate.label
    repeats = before.repeats + 1 if repeated else 1
    unchanged = before.stable is not None and before.stable.label == candidate.label
    changed = not unchanged and repeats >= rules.stable
    return replace(
        before,
        scores=recent,
        average=average,
        candidate=candidate,
        repeats=repeats,
        stable=candidate if unchanged or changed else before.stable,
        changed=changed,
    )
