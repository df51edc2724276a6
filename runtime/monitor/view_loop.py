"""Answers for one view of a source: scores, smoothing, changes."""

import time
from dataclasses import dataclass, replace
from datetime import datetime

from runtime.answer import Prediction, rank
from runtime.classifier import Classifier
from runtime.errors import MachineError
from runtime.images.preprocessing import preprocess
from runtime.monitor.looking import ENDLESS_S, LookRule, LookTrigger
from runtime.monitor.sinks.dispatcher import SinkDispatcher
from runtime.monitor.sinks.events import AnswerChange, FrameResult, ModelRef
from runtime.monitor.smoothing import NO_DECISION, Decision, SmoothingRules, update_decision
from runtime.monitor.views import View
from runtime.sources.base import Frame

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


class ViewLoop:
    """Answers for one view: scores, smoothing, changes."""

    def __init__(
        self,
        view: View,
        settings: DecisionSettings,
        rule: LookRule,
        stats: MonitorStats,
        dispatcher: SinkDispatcher,
    ) -> None:
        self._settings, self.view = settings, view
        self._stats, self._dispatcher = stats, dispatcher
        self._decision, self._rate = NO_DECISION, _FrameRate()
        self._frame_name = view.source_address
        settling = settings.stable + settings.window
        self.trigger = LookTrigger(rule, view.region, settling, self._report_endless)

    def use(self, classifier: Classifier) -> None:
        """Answers with this classifier from now on, and forgets the answers before."""
        self._classifier, self._decision = classifier, NO_DECISION
        self._preprocessing = classifier.preprocessing
        if self.view.region is not None:
            self._preprocessing = replace(self._preprocessing, region=self.view.region)
        self.trigger.region = self._preprocessing.region
        self.trigger.reset()

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
        self.trigger.reset()

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
        thing = self.view.name or self.view.source_address
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
        predicted=after.stable.label,
        score=after.stable.score,
        verdict=after.stable.verdict,
        similarity=after.stable.similarity,
        predicted_before=_stable_label(before),
        frame=frame,
        model_ref=model_ref,
        predictions=predictions,
    )


def _model_ref(classifier: Classifier) -> ModelRef:
    return ModelRef(classifier.manifest.name, classifier.file.name, classifier.id)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
