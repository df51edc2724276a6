"""Runs the loop of `camera`: frame, scores, stable answer, sinks."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from runtime.answer import Prediction, rank
from runtime.classifier import Classifier
from runtime.errors import ImageRefused, MachineError, QuinceError
from runtime.images.preprocessing import preprocess
from runtime.images.small_grey import small_image
from runtime.monitor.capture import Capture, EndOfStream, wait_for_arrival
from runtime.monitor.looking import ALWAYS, ENDLESS_S, Look, LookRule
from runtime.monitor.sinks.base import Sink
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.sinks.events import AnswerChange, FrameResult, ModelRef
from runtime.monitor.smoothing import NO_DECISION, Decision, SmoothingRules, update_decision
from runtime.monitor.views import View
from runtime.sources.base import Frame

TICK_S = 0.25
STALE_S = 5.0
"""A live source that sends no frame for so many seconds is lost, even if it seems to work.

The interval of a source that is asked for each image is added.
"""
CHANGE_TOP_K = 3
RATE_SMOOTHING = 0.1
"""Weight of the newest interval in the average that gives the frame rate."""


@dataclass
class MonitorStats:
    """Counts of one source.

    frames: looked at. changes: reported. refused: frames whose pixel mode
    cannot be converted.
    """

    frames: int = 0
    changes: int = 0
    refused: int = 0


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

    def on_still(self, view: View, frame: Frame) -> None:
        """Sends a frame in which nothing has moved to every sink."""
        for sink in self.sinks.values():
            sink.on_still(view, frame)

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


@dataclass(frozen=True)
class Watch:
    """A source that is followed.

    views: its regions, at least one. settings: for its answers. rule: when to look.
    """

    capture: Capture
    views: tuple[View, ...]
    settings: DecisionSettings
    rule: LookRule = ALWAYS


def monitor(
    watches: Sequence[Watch],
    current_classifier: Callable[[], Classifier],
    dispatcher: SinkDispatcher,
) -> list[MonitorStats]:
    """Classifies frame after frame and reports changes, until all sources end.

    One thread classifies the frames of all sources, whose captures share `changed`, in turn. If
    `current_classifier` returns another classifier, smoothing starts again, as after a loss.

    Raises:
        MachineError: a source cannot be opened.
        InputRefused: a source or the model is of an unexpected kind.
        CheckFailed: the model answered NaN.
    """
    classifier = current_classifier()
    followed = [_Source(watch, classifier, dispatcher) for watch in watches]
    running = list(followed)
    while running:
        wait_for_arrival([source.capture for source in running], TICK_S)
        classifier = current_classifier()
        for source in tuple(running):
            source.use(classifier)
            try:
                source.step()
            except EndOfStream:
                running.remove(source)
    return [source.stats for source in followed]


class _Source:
    """Follows one source: takes its frames, and passes them to its regions."""

    def __init__(self, watch: Watch, classifier: Classifier, dispatcher: SinkDispatcher) -> None:
        self.capture, self.stats = watch.capture, MonitorStats()
        self._dispatcher, self._classifier = dispatcher, classifier
        self._regions = [_Region(watch, view, self.stats, dispatcher) for view in watch.views]
        for region in self._regions:
            region.use(classifier)
        self._due: list[_Region] = []
        self._still: Frame | None = None
        self._on_motion = watch.rule.on_motion

    def use(self, classifier: Classifier) -> None:
        if classifier is not self._classifier:
            self._classifier = classifier
            for region in self._regions:
                region.use(classifier)

    def step(self) -> None:
        """Classifies the next frame if there is one to look at, and notices a loss."""
        self._still = None
        frame = self.capture.next(0, self._choose)
        if self._still:
            self._dispatcher.on_still(self._regions[0].view, self._still)
        if frame is None or self._is_stale(frame):
            if _is_lost(self.capture):
                for region in self._regions:
                    region.report_loss()
            return
        try:
            # Sinks show and save the pixels that the model's rules make, also of 16-bit grey.
            frame = frame._replace(image=self._classifier.preprocessing.upright(frame.image))
        except ImageRefused as refusal:
            self._refuse(frame, refusal)
            return
        self.stats.frames += 1
        for region in self._due:
            region.classify(frame)

    def _choose(self, frame: Frame) -> list["_Region"]:
        small = frame
        if self._on_motion:  # once for all regions
            of = [region.look.region for region in self._regions]
            small = frame._replace(image=small_image(frame.image, of, frame.name))
        self._due = [region for region in self._regions if region.look.wants(small)]
        if self._on_motion and not self._due:
            self._still = frame
        return self._due

    def _is_stale(self, frame: Frame) -> bool:
        source = self.capture.source
        return source.live and time.monotonic() - frame.arrived_s > STALE_S + source.interval_s

    def _refuse(self, frame: Frame, refusal: ImageRefused) -> None:
        self.stats.refused += 1
        source = self.capture.source
        name = source.name if source.live else frame.name
        self._dispatcher.errors.report(ImageRefused(name, refusal.reason))


class _Region:
    """Answers for one view: scores, smoothing, changes."""

    def __init__(
        self, watch: Watch, view: View, stats: MonitorStats, dispatcher: SinkDispatcher
    ) -> None:
        self._settings, self.view = watch.settings, view
        self._stats, self._dispatcher = stats, dispatcher
        self._decision, self._rate = NO_DECISION, _FrameRate()
        self._frame_name = view.source
        settling = watch.settings.stable + watch.settings.window
        self.look = Look(watch.rule, view.region, settling, self._report_endless)

    def use(self, classifier: Classifier) -> None:
        self._classifier, self._decision = classifier, NO_DECISION
        self._preprocessing = classifier.preprocessing
        if self.view.region is not None:
            self._preprocessing = replace(self._preprocessing, region=self.view.region)
        self.look.region = self._preprocessing.region
        self.look.reset()

    def report_loss(self) -> None:
        """Reports a loss if there was an answer, which ends."""
        if self._decision is NO_DECISION:
            return
        label, model_ref = _stable_label(self._decision), _model_ref(self._classifier)
        self._report(
            AnswerChange(
                self.view, _now(), "lost", None, None, label, self._frame_name, model_ref, ()
            )
        )
        self._decision, self._rate = NO_DECISION, _FrameRate()
        self.look.reset()

    def classify(self, frame: Frame) -> None:
        """Classifies this region of a frame, which is upright RGB, and calls the sinks."""
        start = time.perf_counter()
        scores, similarity = self._classifier.outputs(preprocess(frame.image, self._preprocessing))
        latency_ms = (time.perf_counter() - start) * 1000
        self._frame_name = frame.name
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
            self._report(_change(self.view, before, self._decision, frame.name, model_ref, top_k))
        (top,) = rank(scores, labels, 1)
        self._dispatcher.on_frame(
            FrameResult(
                view=self.view,
                frame=frame,
                preprocessing=self._preprocessing,
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
        self._stats.changes += 1
        self._dispatcher.on_change(change)

    def _report_endless(self) -> None:
        thing = self.view.name or self.view.source
        reason = (
            f"something has moved for {ENDLESS_S:g} s without a break, so every image is "
            "classified; a smaller --region may leave it out, or use --every alone"
        )
        self._dispatcher.errors.report(MachineError(thing, reason))


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
    view: View,
    before: Decision,
    after: Decision,
    frame: str,
    model_ref: ModelRef,
    predictions: tuple[Prediction, ...],
) -> AnswerChange:
    assert after.stable is not None
    return AnswerChange(
        view=view,
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
