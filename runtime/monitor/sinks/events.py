"""Defines the events that sinks receive: a classified frame, and a change of the stable answer."""

from dataclasses import dataclass
from typing import Literal

from runtime.answer import Prediction, Verdict
from runtime.classifier import Classifier
from runtime.images.preprocessing import Preprocessing
from runtime.monitor.smoothing import SmoothedAnswer
from runtime.monitor.views import View
from runtime.sources.base import Frame


@dataclass(frozen=True)
class ModelRef:
    """The model that answered: its bundle's name, its file, and the id of the whole bundle.

    The id covers the model with its labels and preprocessing.
    """

    bundle_name: str
    artifact: str
    bundle_id: str


@dataclass(frozen=True)
class AnswerChange:
    """The stable answer changed, or the source was lost and there is no stable answer.

    view: what was looked at. at: local time, ISO 8601 with milliseconds and offset. predicted: the
    label that is the answer, None for unsure and unknown, and if the source is lost. score: of the
    best class, 0..1, None if the source is lost. verdict: "known", "unsure" (one of the first two
    predictions) or "unknown" (none of the classes), None if the source is lost. similarity: the
    highest to any class, -1..1, None if there is none. predicted_before: the stable answer before,
    if there was one. frame: the name of the frame. predictions: averaged over the window, the best
    first.
    """

    view: View
    at: str
    state: Literal["running", "lost"]
    predicted: str | None
    score: float | None
    predicted_before: str | None
    frame: str
    model_ref: ModelRef
    predictions: tuple[Prediction, ...]
    verdict: Verdict | None = None
    similarity: float | None = None


@dataclass(frozen=True)
class FrameResult:
    """One classified frame.

    view: what was looked at. frame: its image is upright 8-bit RGB, by the rules of the model, and
    whole. preprocessing: made the pixels of the model from it; it has the region. top: the best
    class of this frame alone. verdict, similarity: of this frame alone, as in AnswerChange.
    predictions: averaged over the window, all classes, the best first. stable: the stable answer,
    None before there is one. latency_ms: from image to scores. fps: classified frames per second.
    classifier: the one that answered.
    """

    view: View
    frame: Frame
    preprocessing: Preprocessing
    model_ref: ModelRef
    top: Prediction
    verdict: Verdict
    similarity: float | None
    predictions: tuple[Prediction, ...]
    stable: SmoothedAnswer | None
    latency_ms: float
    fps: float
    classifier: Classifier
