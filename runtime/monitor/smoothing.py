"""Turns a camera's scores, frame by frame, into a stable answer.

Averages the scores and similarities of the last frames; the averages are known, unsure or unknown.
A new answer becomes stable only after several equal answers in a row. Frames from before a loss of
the source do not count after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from runtime.answer import NO_THRESHOLDS, Thresholds, Verdict
from runtime.arrays import NDArray
from runtime.errors import InputRefused


@dataclass(frozen=True)
class SmoothingRules:
    """How scores become a stable answer.

    thresholds: of an average below which the answer is unsure or unknown. stable: equal answers in
    a row before one is stable. window: frames to average.
    """

    thresholds: Thresholds = NO_THRESHOLDS
    stable: int = 3
    window: int = 3

    def __post_init__(self) -> None:
        if self.stable < 1 or self.window < 1:
            raise InputRefused(
                "smoothing",
                "expected --stable and --window of at least 1 frame, "
                f"found {self.stable} and {self.window}",
            )


@dataclass(frozen=True)
class SmoothedAnswer:
    """A label, or None for unsure and unknown, and the score of the best class, 0..1.

    similarity: the highest to any class, -1..1; None for a model file without similarities.
    """

    label: str | None
    score: float
    verdict: Verdict = "known"
    similarity: float | None = None

    def is_like(self, other: "SmoothedAnswer | None") -> bool:
        """Whether the other answer says the same."""
        return other is not None and (other.label, other.verdict) == (self.label, self.verdict)


@dataclass(frozen=True)
class Decision:
    """The state after a frame, or before the first.

    scores: (classes,) float32 of each of the last frames, at most a window of them. similarities:
    the highest of each of these frames, -1..1; empty for a model file without them. average:
    (classes,) the mean of the scores, 0..1, None before any frame. newest: the answer for this
    average; repeats: how many frames in a row gave it. stable: the stable answer, None before there
    is one. changed: whether it became stable with this frame.
    """

    scores: tuple[NDArray[np.float32], ...] = ()
    similarities: tuple[float, ...] = ()
    average: NDArray[np.float32] | None = None
    newest: SmoothedAnswer | None = None
    repeats: int = 0
    stable: SmoothedAnswer | None = None
    changed: bool = False


NO_DECISION = Decision()
"""The state before the first frame, and after a source was lost."""


def update_decision(
    before: Decision,
    scores: NDArray[np.float32],
    labels: Sequence[str],
    rules: SmoothingRules,
    similarity: float | None = None,
) -> Decision:
    """Returns the state after one more frame.

    Args:
        before: the state before it.
        scores: (classes,) float32 of the frame, 0..1, in the order of `labels`.
        labels: the names of the classes.
        rules: how scores become a stable answer.
        similarity: of the frame, the highest to any class, -1..1; None if there is none.
    """
    recent = (*before.scores, scores)[-rules.window :]
    similarities: tuple[float, ...] = ()
    if similarity is not None:
        similarities = (*before.similarities, similarity)[-rules.window :]
    average = np.asarray(np.mean(recent, axis=0, dtype=np.float64), np.float32)
    best = int(average.argmax())
    score = float(average[best])
    mean = float(np.mean(similarities)) if similarities else None
    verdict = rules.thresholds.verdict(score, mean)
    label = labels[best] if verdict == "known" else None
    newest = SmoothedAnswer(label, score, verdict, mean)
    repeats = before.repeats + 1 if newest.is_like(before.newest) else 1
    unchanged = newest.is_like(before.stable)
    changed = not unchanged and repeats >= rules.stable
    return replace(
        before,
        scores=recent,
        similarities=similarities,
        average=average,
        newest=newest,
        repeats=repeats,
        stable=newest if unchanged or changed else before.stable,
        changed=changed,
    )
