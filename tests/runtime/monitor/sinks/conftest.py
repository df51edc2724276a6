"""Makes events and a context for tests of one sink."""

from collections.abc import Callable

import pytest
from PIL import Image

from runtime.answer import Prediction, Thresholds
from runtime.images.preprocessing import Preprocessing
from runtime.monitor.sinks.base import SinkContext
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.sinks.events import AnswerChange, FrameResult, ModelRef
from runtime.monitor.views import View
from runtime.sources.base import Frame

AT = "2026-11-24T12:31:07.250+01:00"
CAMERA, FOLDER = View("", "camera:0", live=True), View("", "images", live=False)
MODEL_REF = ModelRef("fruit", "model.int8.tflite", "0123456789ab")


@pytest.fixture
def change() -> Callable[..., AnswerChange]:
    def make(
        label: str | None = "banana", score: float | None = 0.93, **fields: object
    ) -> AnswerChange:
        predictions = (Prediction(label or "apple", score or 0.0),)
        values = {
            "view": CAMERA,
            "at": AT,
            "state": "running",
            "predicted_before": None,
            "frame": "camera:0 #3",
            "model_ref": MODEL_REF,
            "predictions": predictions,
            "verdict": "unknown" if label is None else "known",
        } | fields
        return AnswerChange(predicted=label, score=score, **values)  # type: ignore[arg-type]

    return make


@pytest.fixture
def context() -> Callable[..., SinkContext]:
    def make(**fields: object) -> SinkContext:
        values = {
            "views": (CAMERA,),
            "bundle_name": "fruit",
            "thresholds": Thresholds(0.6, 0.3),
            "errors": ErrorReporter("prog"),
        }
        return SinkContext(**(values | fields))  # type: ignore[arg-type]

    return make


@pytest.fixture
def frame_result() -> Callable[..., FrameResult]:
    """Makes a frame that the model classifies as `label`; it is uncertain below 0.6."""

    def make(
        label: str = "apple",
        score: float = 0.5,
        *,
        size: tuple[int, int] = (64, 48),
        level: int = 128,
        view: View = FOLDER,
    ) -> FrameResult:
        frame = Frame("camera:0 #3", Image.new("RGB", size, (level, level, level)), 0.0)
        return FrameResult(
            view,
            frame,
            Preprocessing(8, 8),
            MODEL_REF,
            Prediction(label, score),
            "unsure" if score < 0.6 else "known",
            0.5,
            (Prediction(label, score),),
            None,
            1.0,
            5.0,
            None,  # type: ignore[arg-type]
        )

    return make
