"""The loop between a camera and those who are told: frame, scores, decision, sinks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from runtime.capture import Capture, Ended
from runtime.classifier import Classifier, Prediction, rank
from runtime.decision import NOTHING, Decision, Rules, decide
from runtime.errors import PictureRefused, QuinceError
from runtime.preprocess import preprocess
from runtime.sinks import Change, Complaints, Origin, Seen, Sink

TICK_S = 0.25
STALE_S = 5.0
"""A live source without a frame for so long is lost, whatever it says itself."""
TOP = 3
SMOOTHING = 0.1
"""Weight of the newest interval in the mean that the frame rate is told from."""


@dataclass(frozen=True)
class Told:
    """How much was watched: classified frames, changes that were told, and frames without a rule for their pixels."""

    frames: int
    changes: int
    refused: int


@dataclass(frozen=True)
class Teller:
    """The sinks by name. What fails in one is a complaint, and the others are told all the same."""

    sinks: Mapping[str, Sink]
    complain: Complaints

    def change(self, change: Change) -> None:
        """Tells every sink of a change."""
        for sink in self.sinks.values():
            try:
                sink.change(change)
            except QuinceError as error:
                self.complain(error)

    def seen(self, seen: Seen) -> None:
        """Shows every sink a frame."""
        for sink in self.sinks.values():
            try:
                sink.seen(seen)
            except QuinceError as error:
                self.complain(error)


@dataclass(frozen=True)
class Settings:
    """What the user asked of the decision. min_score: None for what each model file says itself; the others as in `Rules`."""

    min_score: float | None
    stable: int
    window: int

    def rules(self, classifier: Classifier) -> Rules:
        """The rules for the answers of this classifier."""
        return Rules(classifier.min_score if self.min_score is None else self.min_score, self.stable, self.window)


def watch(capture: Capture, newest: Callable[[], Classifier], settings: Settings, teller: Teller) -> Told:
    """Classifies frame after frame with the `newest` classifier and tells what changes, until the source ends.

    With another classifier all begins anew, as after a loss.

    Raises:
        MachineError: the source cannot be opened.
        InputRefused: the source or the model is not what was expected.
        CheckFailed: the model answered NaN.
    """
    decision, frames, changes, refused = NOTHING, 0, 0, 0
    rate, name = _Rate(), capture.source.name
    classifier = newest()
    while True:
        try:
            frame = capture.next(TICK_S)
        except Ended:
            return Told(frames, changes, refused)
        if frame is None or (capture.source.live and time.monotonic() - frame.taken > STALE_S):
            if decision is not NOTHING and _is_lost(capture):
                teller.change(Change(_now(), "lost", None, None, _label(decision), name, _origin(classifier), ()))
                decision, rate = NOTHING, _Rate()
                changes += 1
            continue
        if (latest := newest()) is not classifier:
            classifier, decision = latest, NOTHING
        rules = settings.rules(classifier)
        began = time.perf_counter()
        try:
            scores = classifier.probabilities(preprocess(frame.image, classifier.preprocessing))
        except PictureRefused as refusal:
            refused += 1
            teller.complain(PictureRefused(capture.source.name if capture.source.live else frame.name, refusal.reason))
            continue
        latency_ms = (time.perf_counter() - began) * 1000
        before, decision = decision, decide(decision, scores, classifier.labels, rules)
        frames, name = frames + 1, frame.name
        assert decision.average is not None
        ranked = rank(decision.average, classifier.labels, len(classifier.labels))
        if decision.changed:
            changes += 1
            teller.change(_change(before, decision, frame.name, _origin(classifier), ranked[:TOP]))
        (guess,) = rank(scores, classifier.labels, 1)
        unsure, fps = guess.score < rules.min_score, rate.count(time.monotonic())
        teller.seen(Seen(frame, _origin(classifier), guess, unsure, ranked, _label(decision), latency_ms, fps))


class _Rate:
    """Frames a second, over about the last ten."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._mean: float | None = None

    def count(self, now: float) -> float:
        if self._last is not None:
            interval = now - self._last
            self._mean = interval if self._mean is None else (1 - SMOOTHING) * self._mean + SMOOTHING * interval
        self._last = now
        return 1 / self._mean if self._mean else 0.0


def _is_lost(capture: Capture) -> bool:
    age = time.monotonic() - capture.last_taken if capture.last_taken is not None else 0.0
    return capture.source.live and (capture.state == "lost" or age > STALE_S)


def _label(decision: Decision) -> str | None:
    return decision.standing.label if decision.standing else None


def _change(before: Decision, after: Decision, frame: str, origin: Origin, ranked: tuple[Prediction, ...]) -> Change:
    assert after.standing is not None
    return Change(_now(), "running", after.standing.label, after.standing.score, _label(before), frame, origin, ranked)


def _origin(classifier: Classifier) -> Origin:
    return Origin(classifier.manifest.name, classifier.file.name, classifier.id)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
