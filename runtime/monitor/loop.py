"""Runs the loop of `camera`: frame, scores, stable answer, sinks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from runtime.answer import Prediction, rank
from runtime.classifier import Classifier
from runtime.errors import ImageRefused, QuinceError
from runtime.images.preprocessing import preprocess
from runtime.monitor.capture import Capture, EndOfStream
from runtime.monitor.sinks.base import Sink
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.sinks.events import AnswerChange, FrameResult, ModelRef
from runtime.monitor.smoothing import NO_DECISION, Decision, SmoothingRules, update_decision
from runtime.sources.base import Frame

TICK_S = 0.25
STALE_S = 5.0
"""A live source that sends no frame for so many seconds is lost, even if it seems to work.

The interval of a source that is asked for each image is added.
"""
CHANGE_TOP_K = 3
RATE_SMOOTHING = 0.1
"""Weight of the newest interval in the average that gives the frame rate."""


@dataclass(frozen=True)
class MonitorStats:
    """Counts of one run.

    frames: classified. changes: reported. refused: frames whose pixel mode cannot be converted.
    """

    frames: int
    changes: int
    refused: int


@dataclass(frozen=True)
class SinkDispatcher:
    """Calls the sinks, by name. An error in one is reported, and the others are still called."""

    sinks: Mapping[str, Sink]
    errors: ErrorReporter

    def on_change(self, change: AnswerChange) -> None:
        """Sends a change to every sink."""
        for sink in self.sinks.values():
            try:
                sink.on_change(change)
            except QuinceError as error:
                self.errors.report(error)

    def on_frame(self, result: FrameResult) -> None:
        """Sends a classified frame to every sink."""
        for sink in self.sinks.values():
            try:
                sink.on_frame(result)
            except QuinceError as error:
                self.errors.report(error)


@dataclass(frozen=True)
class DecisionSettings:
    """The user's options for the decision, as in `SmoothingRules`.

    min_score, min_similarity: None for the model file's own threshold.
    """

    min_score: float | None
    min_similarity: float | None
    stable: int
    window: int

    def rules(self, classifier: Classifier) -> SmoothingRules:
        """Returns the rules for the answers of this classifier."""
        thresholds = classifier.thresholds.replaced(self.min_score, self.min_similarity)
        return SmoothingRules(thresholds, self.stable, self.window)


def monitor(
    capture: Capture,
    current_classifier: Callable[[], Classifier],
    settings: DecisionSettings,
    dispatcher: SinkDispatcher,
) -> MonitorStats:
    """Classifies frame after frame and reports changes, until the source ends.

    If `current_classifier` returns another classifier, smoothing starts again, as after a loss.

    Raises:
        MachineError: the source cannot be opened.
        InputRefused: the source or the model is of an unexpected kind.
        CheckFailed: the model answered NaN.
    """
    return _Monitor(capture, current_classifier, settings, dispatcher).run()


class _Monitor:
    def __init__(
        self,
        capture: Capture,
        current_classifier: Callable[[], Classifier],
        settings: DecisionSettings,
        dispatcher: SinkDispatcher,
    ) -> None:
        self._capture, self._current_classifier = capture, current_classifier
        self._settings, self._dispatcher = settings, dispatcher
        self._classifier = current_classifier()
        self._decision, self._rate = NO_DECISION, _FrameRate()
        self._frame_name = capture.source.name
        self._frames = self._changes = self._refused = 0

    def run(self) -> MonitorStats:
        while True:
            try:
                frame = self._capture.next(TICK_S)
            except EndOfStream:
                return MonitorStats(self._frames, self._changes, self._refused)
            if frame is None or self._is_stale(frame):
                self._check_for_loss()
            else:
                self._classify(frame)

    def _is_stale(self, frame: Frame) -> bool:
        source = self._capture.source
        return source.live and time.monotonic() - frame.arrived_s > STALE_S + source.interval_s

    def _check_for_loss(self) -> None:
        if self._decision is NO_DECISION or not _is_lost(self._capture):
            return
        label, model_ref = _stable_label(self._decision), _model_ref(self._classifier)
        self._report(
            AnswerChange(_now(), "lost", None, None, label, self._frame_name, model_ref, ())
        )
        self._decision, self._rate = NO_DECISION, _FrameRate()

    def _classify(self, frame: Frame) -> None:
        classifier = self._current_classifier()
        if classifier is not self._classifier:
            self._classifier, self._decision = classifier, NO_DECISION
        start = time.perf_counter()
        try:
            # Sinks show and save the pixels that the model's rules make, also of 16-bit grey.
            frame = frame._replace(image=classifier.preprocessing.upright(frame.image))
            pixels = preprocess(frame.image, classifier.preprocessing)
        except ImageRefused as refusal:
            self._refuse(frame, refusal)
            return
        scores, similarity = classifier.outputs(pixels)
        latency_ms = (time.perf_counter() - start) * 1000
        self._frames, self._frame_name = self._frames + 1, frame.name
        self._decide(frame, scores, similarity, latency_ms)

    def _refuse(self, frame: Frame, refusal: ImageRefused) -> None:
        self._refused += 1
        source = self._capture.source
        name = source.name if source.live else frame.name
        self._dispatcher.errors.report(ImageRefused(name, refusal.reason))

    def _decide(
        self,
        frame: Frame,
        scores: NDArray[np.float32],
        similarity: float | None,
        latency_ms: float,
    ) -> None:
        labels, model_ref = self._classifier.labels, _model_ref(self._classifier)
        rules = self._settings.rules(self._classifier)
        before, self._decision = (
            self._decision,
            update_decision(self._decision, scores, labels, rules, similarity),
        )
        assert self._decision.average is not None
        ranked = rank(self._decision.average, labels, len(labels))
        if self._decision.changed:
            top_k = ranked[:CHANGE_TOP_K]
            self._report(_change(before, self._decision, frame.name, model_ref, top_k))
        (top,) = rank(scores, labels, 1)
        self._dispatcher.on_frame(
            FrameResult(
                frame=frame,
                model_ref=model_ref,
                top=top,
                verdict=rules.thresholds.verdict(top.score, similarity),
                similarity=similarity,
                predictions=ranked,
                stable=self._decision.stable,
                latency_ms=latency_ms,
                fps=self._rate.update(time.monotonic()),
                classifier=self._classifier,
            )
        )

    def _report(self, change: AnswerChange) -> None:
        self._changes += 1
        self._dispatcher.on_change(change)


class _FrameRate:
    """Computes frames per second over about the last ten frames."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._mean_s: float | None = None

    def update(self, now_s: float) -> float:
        if self._last_s is not None:
            interval_s = now_s - self._last_s
            mean_s = interval_s if self._mean_s is None else self._mean_s
            self._mean_s = mean_s + RATE_SMOOTHING * (interval_s - mean_s)
        self._last_s = now_s
        return 1 / self._mean_s if self._mean_s else 0.0


def _is_lost(capture: Capture) -> bool:
    if not capture.source.live:
        return False
    if capture.state == "lost":
        return True
    if capture.last_arrived_s is None:
        return False
    return time.monotonic() - capture.last_arrived_s > STALE_S + capture.source.interval_s


def _stable_label(decision: Decision) -> str | None:
    return decision.stable.label if decision.stable else None


def _change(
    before: Decision,
    after: Decision,
    frame: str,
    model_ref: ModelRef,
    predictions: tuple[Prediction, ...],
) -> AnswerChange:
    assert after.stable is not None
    return AnswerChange(
        at=_now(),
        state="running",
        label=after.stable.label,
        score=after.stable.score,
        verdict=after.stable.verdict,
        similarity=after.stable.similarity,
        before=_stable_label(before),
        frame=frame,
        model_ref=model_ref,
        predictions=predictions,
    )


def _model_ref(classifier: Classifier) -> ModelRef:
    return ModelRef(classifier.manifest.name, classifier.file.name, classifier.id)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
