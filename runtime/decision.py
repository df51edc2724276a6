"""What a camera's answers, frame by frame, amount to: the answer that stands, and when it changes.

Scores are averaged over the last frames, an average below the threshold is unknown, and a new answer stands only after it was given several
times in a row. What came before a lost source counts for nothing after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused


@dataclass(frozen=True)
class Rules:
    """min_score: 0..1; an average below it is unknown. stable: equal answers in a row before one stands. window: frames averaged."""

    min_score: float = 0.0
    stable: int = 3
    window: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise InputRefused("--min-score", f"expected a score from 0 to 1, found {self.min_score}")
        if self.stable < 1 or self.window < 1:
            raise InputRefused("decision", f"expected at least 1 frame, found {self.stable} stable, a window of {self.window}")


@dataclass(frozen=True)
class Answer:
    """A label, or None for unknown, and the score of the best class either way, 0..1."""

    label: str | None
    score: float


@dataclass(frozen=True)
class Decision:
    """After a frame, or before the first.

    scores: (classes,) float32 of the last frames, at most a window of them. average: (classes,) of these, 0..1, None before any frame.
    candidate: what this frame says, given `run` times in a row. standing: what stands, None before anything does. changed: whether it
    began to stand with this frame.
    """

    scores: tuple[NDArray[np.float32], ...] = ()
    average: NDArray[np.float32] | None = None
    candidate: Answer | None = None
    run: int = 0
    standing: Answer | None = None
    changed: bool = False


NOTHING = Decision()
"""Before the first frame, and after a source was lost."""


def decide(before: Decision, scores: NDArray[np.float32], labels: Sequence[str], rules: Rules) -> Decision:
    """What stands after one more frame, whose (classes,) float32 scores these are, 0..1, in the order of `labels`."""
    recent = (*before.scores, scores)[-rules.window :]
    average = np.asarray(np.mean(recent, axis=0, dtype=np.float64), np.float32)
    best = int(average.argmax())
    candidate = Answer(labels[best] if average[best] >= rules.min_score else None, float(average[best]))
    again = before.candidate is not None and before.candidate.label == candidate.label
    run = before.run + 1 if again else 1
    same = before.standing is not None and before.standing.label == candidate.label
    changed = not same and run >= rules.stable
    standing = candidate if same or changed else before.standing
    return replace(before, scores=recent, average=average, candidate=candidate, run=run, standing=standing, changed=changed)
