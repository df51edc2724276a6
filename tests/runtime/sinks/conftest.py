"""Changes, and what a sink knows of the run, for tests of one sink."""

from collections.abc import Callable

import pytest
from PIL import Image

from runtime.classifier import Prediction
from runtime.sinks import About, Change, Complaints, Origin, Seen
from runtime.sources import Frame

AT = "2026-11-24T12:31:07.250+01:00"
ORIGIN = Origin("fruit", "model.int8.tflite", "0123456789ab")


@pytest.fixture
def change() -> Callable[..., Change]:
    def make(label: str | None = "banana", score: float | None = 0.93, **fields: object) -> Change:
        predictions = (Prediction(label or "apple", score or 0.0),)
        values = {
            "at": AT,
            "state": "running",
            "before": None,
            "frame": "camera:0 #3",
            "origin": ORIGIN,
            "predictions": predictions,
        } | fields
        return Change(label=label, score=score, **values)  # type: ignore[arg-type]

    return make


@pytest.fixture
def about() -> Callable[..., About]:
    def make(**fields: object) -> About:
        values = {
            "source": "camera:0",
            "live": True,
            "name": "fruit",
            "min_score": 0.6,
            "complain": Complaints("prog"),
        }
        return About(**(values | fields))  # type: ignore[arg-type]

    return make


@pytest.fixture
def seen() -> Callable[..., Seen]:
    """A frame of a size and mode that the model takes for `label`; it is unsure below 0.6."""

    def make(label: str = "apple", score: float = 0.5, *, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Seen:
        frame = Frame("camera:0 #3", Image.new(mode, size, 128), 0.0)
        return Seen(frame, ORIGIN, Prediction(label, score), score < 0.6, (Prediction(label, score),), None, 1.0, 5.0)

    return make
