"""Runs the bundle in use and a new one on the same live frames, and counts where they differ."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PIL import Image

from runtime.answer import answer_text
from runtime.classifier import Classifier
from runtime.errors import ImageRefused
from runtime.monitor.capture import Capture, EndOfStream
from runtime.system.terminal import escape_control_chars

MAX_LINES = 20
"""Pairs of answers that are reported when they are first seen; all are counted."""


@dataclass(frozen=True)
class ShadowedAnswer:
    """A pair of answers that differ, and on how many frames."""

    old_answer: str
    new_answer: str
    frames: int


@dataclass(frozen=True)
class ShadowReport:
    """Holds what a shadow run found: frames, those with the same answer, and the others.

    seconds: from the start to the last frame. refused: frames that a model cannot take.
    changes: the most frequent first.
    """

    old_bundle_id: str
    new_bundle_id: str
    seconds: float
    frames: int
    same: int
    refused: int
    changes: tuple[ShadowedAnswer, ...]

    @property
    def differing(self) -> float:
        """The part of the frames with another answer, 0..1."""
        return 1 - self.same / self.frames if self.frames else 0.0


def run_shadow(
    capture: Capture,
    old: Classifier,
    new: Classifier,
    duration_s: float,
    report: Callable[[str], None],
) -> ShadowReport:
    """Classifies each frame with both, for `duration_s` or until the source ends.

    Args:
        capture: opened.
        old, new: the bundle in use and the other one, each with its own preprocessing.
        duration_s: in seconds.
        report: takes a line when a pair of answers that differ is first seen.

    Raises:
        MachineError: the source cannot be opened.
        CheckFailed: a model answers NaN.
    """
    started_s, refused = time.monotonic(), 0
    pairs: Counter[tuple[str, str]] = Counter()
    while (remaining_s := started_s + duration_s - time.monotonic()) > 0:
        try:
            frame = capture.next(remaining_s)
            if frame is None:
                break
            pair = _answer(old, frame.image), _answer(new, frame.image)
        except EndOfStream:
            break
        except ImageRefused:
            refused += 1
            continue
        pairs[pair] += 1
        if pair[0] != pair[1] and pairs[pair] == 1 and len(pairs) <= MAX_LINES:
            report(f"{datetime.now():%H:%M:%S} in use: {pair[0]}; new: {pair[1]}")
    return ShadowReport(
        old_bundle_id=old.id,
        new_bundle_id=new.id,
        seconds=round(time.monotonic() - started_s, 1),
        frames=pairs.total(),
        same=sum(count for (before, after), count in pairs.items() if before == after),
        refused=refused,
        changes=tuple(
            ShadowedAnswer(*pair, count)
            for pair, count in pairs.most_common()
            if pair[0] != pair[1]
        ),
    )


def _answer(classifier: Classifier, image: Image.Image) -> str:
    answer = classifier.classify(image, top=2)
    return escape_control_chars(answer_text(answer.verdict, answer))
