"""Tests the loop on scripted frames and a real model: changes, losses, and failing sinks."""

import io
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image

from runtime.answer import Thresholds
from runtime.classifier import Classifier
from runtime.errors import MachineError
from runtime.images.decoding import open_image, small_copy
from runtime.monitor.capture import EndOfStream
from runtime.monitor.looking import ALWAYS, LookRule
from runtime.monitor.loop import STALE_S, FollowedSource, monitor
from runtime.monitor.sinks.base import Sink
from runtime.monitor.sinks.dispatcher import SinkDispatcher
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.sinks.events import AnswerChange, FrameResult
from runtime.monitor.smoothing import SmoothingRules
from runtime.monitor.view_loop import DecisionSettings, MonitorStats
from runtime.monitor.views import View
from runtime.sources.base import Frame

WINDOW_OF_3 = DecisionSettings(0.6, None, stable=1, window=3)
SINGLE_FRAMES = DecisionSettings(0.6, None, stable=1, window=1)


class Script:
    """A `Capture` with scripted steps.

    A colour is a frame that arrives now, (colour, age) one that arrived before; "lost" and "silent"
    give no frame.
    """

    def __init__(self, *steps: object, live: bool = True) -> None:
        self._steps, self._count = list(steps), 0
        self.source = Namespace(live=live, interval_s=0.0, name="camera:0")
        self.state, self.last_arrived_s = "running", None
        self.is_ready, self.changed = True, threading.Condition()

    def next(self, timeout: float, wanted: Callable[[Frame], object]) -> Frame | None:
        if not self._steps:
            raise EndOfStream("camera:0")
        step = self._steps.pop(0)
        if step in ("lost", "silent"):
            self.state = "lost" if step == "lost" else "running"
            self.last_arrived_s = time.monotonic() - (STALE_S + 1 if step == "silent" else 0)
            return None
        colour, age = step if isinstance(step, tuple) else (step, 0)
        self._count += 1
        self.state, self.last_arrived_s = "running", time.monotonic() - age
        image = colour
        if not isinstance(colour, Image.Image):
            mode, fill = ("F", 0) if colour == "float" else ("RGB", colour)
            image = Image.new(mode, (8, 8), fill)
        frame = Frame(f"camera:0 #{self._count}", image, self.last_arrived_s)
        return frame if wanted(frame) else None


def followed(
    script: Script,
    settings: DecisionSettings = WINDOW_OF_3,
    *views: View,
    rule: LookRule = ALWAYS,
) -> FollowedSource:
    whole = View("", "camera:0", script.source.live)
    return FollowedSource(script, views or (whole,), settings, rule)  # type: ignore[arg-type]


class Recorder:
    def __init__(self) -> None:
        self.changes: list[AnswerChange] = []
        self.frames: list[FrameResult] = []
        self.sink = Sink(on_change=self.changes.append, on_frame=self.frames.append)

    def answers(self) -> list[tuple[str, str | None]]:
        return [(change.state, change.predicted) for change in self.changes]


@pytest.fixture
def run(onnx_model):
    """Runs the loop on a script; returns a recorder and the counts."""

    def run(
        *steps: object, settings: DecisionSettings = WINDOW_OF_3, live: bool = True, **sinks: Sink
    ) -> tuple[Recorder, MonitorStats]:
        recorder, model = Recorder(), Classifier(onnx_model())
        dispatcher = SinkDispatcher({**sinks, "recorder": recorder.sink}, ErrorReporter("prog"))
        (stats,) = monitor(
            [followed(Script(*steps, live=live), settings)], lambda: model, dispatcher
        )
        return recorder, stats

    return run


def test_sinks_get_each_change_once_and_each_frame(run) -> None:
    recorder, stats = run("red", "red", "grey", "grey", "grey", "lime", settings=SINGLE_FRAMES)
    assert recorder.answers() == [("running", "red"), ("running", None), ("running", "green")]
    assert [change.predicted_before for change in recorder.changes] == [None, "red", None]
    assert [result.stable and result.stable.label for result in recorder.frames] == [
        "red",
        "red",
        None,
        None,
        None,
        "green",
    ]
    assert stats == MonitorStats(6, 3, 0)


@pytest.mark.parametrize("loss", ["lost", "silent"])
def test_loss_is_reported_once_and_ends_the_stable_answer(run, loss: str) -> None:
    recorder, _ = run("red", "red", loss, loss, loss, "blue")
    assert recorder.answers() == [("running", "red"), ("lost", None), ("running", "blue")]
    assert recorder.changes[1].frame == "camera:0 #2"
    assert recorder.changes[1].predicted_before == "red"
    assert recorder.changes[2].score == pytest.approx(1), (
        "a frame from before the loss must not be averaged in"
    )


def test_same_answer_is_reported_again_after_a_loss(run) -> None:
    recorder, _ = run("red", "lost", "red")
    assert recorder.answers() == [("running", "red"), ("lost", None), ("running", "red")]


def test_loss_before_any_frame_and_slow_folder_are_not_changes(run) -> None:
    assert run("lost", "lost", "red")[0].answers() == [("running", "red")]
    assert run("red", "silent", "red", live=False)[0].answers() == [("running", "red")]


def test_stale_frame_counts_as_a_loss(run) -> None:
    recorder, stats = run("red", ("blue", STALE_S + 1), ("blue", STALE_S + 1), "red")
    assert recorder.answers() == [("running", "red"), ("lost", None), ("running", "red")]
    assert stats.frames == 2
    assert run("red", ("blue", STALE_S + 1), live=False, settings=SINGLE_FRAMES)[0].answers() == [
        ("running", "red"),
        ("running", "blue"),
    ]


def test_failing_sink_is_reported_and_the_others_are_called(
    run, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(event: object) -> None:
        raise MachineError("disk", "is full")

    recorder, stats = run(
        "red",
        "blue",
        "lime",
        settings=SINGLE_FRAMES,
        first=Sink(on_change=fail, on_frame=fail),
    )
    assert len(recorder.changes) == stats.changes == 3
    assert len(recorder.frames) == 3
    assert capsys.readouterr().err == "prog: disk: is full\n", "reported once"


def test_unsupported_pixel_mode_is_reported_and_counted(
    run, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder, stats = run("red", "float", "float", "blue", live=False, settings=SINGLE_FRAMES)
    assert [change.predicted for change in recorder.changes] == ["red", "blue"]
    assert stats == MonitorStats(2, 2, 2)
    assert capsys.readouterr().err.count("camera:0 #2: mode F") == 1


def test_sinks_get_16_bit_grey_by_the_rule_of_the_model(onnx_model) -> None:
    model, recorder = Classifier(onnx_model()), Recorder()
    model.preprocessing = replace(model.preprocessing, grey16=(1000, 1255))
    image = Image.fromarray(np.arange(1000, 1256, dtype=np.uint16).reshape(16, 16))
    image.getexif()[ExifTags.Base.Orientation] = 3
    dispatcher = SinkDispatcher({"recorder": recorder.sink}, ErrorReporter("prog"))
    monitor([followed(Script(image), SINGLE_FRAMES)], lambda: model, dispatcher)
    (result,) = recorder.frames
    shown = np.arange(256, dtype=np.uint8).reshape(16, 16)[::-1, ::-1]
    assert np.array_equal(np.asarray(result.frame.image), np.stack([shown] * 3, axis=-1))


def test_frame_rate_and_latency_are_measured(run) -> None:
    recorder, _ = run(*["red"] * 20)
    assert recorder.frames[0].fps == 0
    assert all(result.fps > 0 for result in recorder.frames[1:])
    assert all(result.latency_ms > 0 for result in recorder.frames)


def test_smoothing_starts_again_with_another_model(onnx_model) -> None:
    first = Classifier(onnx_model())
    second = Classifier(onnx_model(labels=("rot", "gruen", "blau")))
    recorder = Recorder()
    models = [first, first, first, second, second, second]
    monitor(
        [followed(Script(*["red"] * 4))],
        lambda: models.pop(0),
        SinkDispatcher({"recorder": recorder.sink}, ErrorReporter("prog")),
    )
    changes = recorder.changes
    assert [(row.predicted, row.predicted_before, row.model_ref.bundle_id) for row in changes] == [
        ("red", None, first.id),
        ("rot", None, second.id),
    ]
    assert first.id != second.id


def test_threshold_of_the_model_file_is_the_default(onnx_model) -> None:
    model = Classifier(onnx_model())
    for fitted, chosen, expected in (
        (Thresholds(0.0), (None, None), Thresholds(0.0)),
        (Thresholds(0.7, 0.4), (None, None), Thresholds(0.7, 0.4)),
        (Thresholds(0.7, 0.4), (0.1, None), Thresholds(0.1, 0.4)),
        (Thresholds(0.7, 0.4), (None, -0.5), Thresholds(0.7, -0.5)),
    ):
        model.thresholds = fitted
        assert DecisionSettings(*chosen, 2, 4).rules(model) == SmoothingRules(expected, 2, 4)


def test_regions_of_a_frame_have_answers_of_their_own(onnx_model) -> None:
    """The model's own region counts where the user chose none, and is replaced where there is."""
    model, recorder = Classifier(onnx_model()), Recorder()
    model.preprocessing = replace(model.preprocessing, region=(0, 0, 0.5, 1))
    frame = Image.new("RGB", (40, 20), "red")
    frame.paste("blue", (20, 0, 40, 20))
    views = [View(name, "camera:0", True, region) for name, region in REGIONS.items()]
    dispatcher = SinkDispatcher({"recorder": recorder.sink}, ErrorReporter("prog"))
    script = Script(frame, frame.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    (stats,) = monitor([followed(script, SINGLE_FRAMES, *views)], lambda: model, dispatcher)
    answers = [(change.view.name, change.predicted) for change in recorder.changes]
    assert answers == [
        ("own", "red"),
        ("right", "blue"),
        ("top-right", "blue"),
        ("own", "blue"),
        ("right", "red"),
        ("top-right", "red"),
    ]
    assert {result.frame.image.size for result in recorder.frames} == {(40, 20)}, "sinks get it all"
    assert stats == MonitorStats(2, 6, 0)


REGIONS = {"own": None, "right": (0.5, 0, 0.5, 1), "top-right": (0.75, 0, 0.25, 0.5)}


def test_sources_share_a_model_and_keep_their_own_state(onnx_model) -> None:
    model, recorder = Classifier(onnx_model()), Recorder()
    dispatcher = SinkDispatcher({"recorder": recorder.sink}, ErrorReporter("prog"))
    gate, yard = Script("red", "red", "lost", "red"), Script("blue", "blue", "blue", "blue", "lime")
    sources = [
        followed(script, SINGLE_FRAMES, View(name, name, True))
        for name, script in (("gate", gate), ("yard", yard))
    ]
    stats = monitor(sources, lambda: model, dispatcher)
    by_source = {
        name: [(row.state, row.predicted) for row in recorder.changes if of(row) == name]
        for name in ("gate", "yard")
    }
    assert by_source == {
        "gate": [("running", "red"), ("lost", None), ("running", "red")],
        "yard": [("running", "blue"), ("running", "green")],
    }
    assert [of(change) for change in recorder.changes[:2]] == ["gate", "yard"], "in turn"
    assert stats == [MonitorStats(3, 3, 0), MonitorStats(5, 2, 0)]


def of(event: AnswerChange) -> str:
    return event.view.name


def test_still_frames_are_shown_and_not_classified_and_a_loss_makes_the_next_one_count(
    onnx_model,
) -> None:
    """After a loss there is no answer, which nothing that stands still would bring back."""
    model, recorder, still = Classifier(onnx_model()), Recorder(), []
    sink = replace(recorder.sink, on_still=lambda view, frame: still.append(frame.name))
    dispatcher = SinkDispatcher({"recorder": sink}, ErrorReporter("prog"))
    steps = (*["red"] * 6, "lost", *["red"] * 6, *["blue"] * 6)
    rule = LookRule(on_motion=True)
    (stats,) = monitor(
        [followed(Script(*steps), SINGLE_FRAMES, rule=rule)], lambda: model, dispatcher
    )
    assert recorder.answers() == [
        ("running", "red"),
        ("lost", None),
        ("running", "red"),
        ("running", "blue"),
    ]
    looked = [int(result.frame.name.partition("#")[2]) for result in recorder.frames]
    assert looked == [1, 2, 7, 8, 13, 14], "two of each, until the answer is stable"
    assert len(still) == 12
    assert stats.frames == 6


def test_jpeg_is_decoded_once_at_a_small_scale_for_all_regions(
    onnx_model, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, recorder, decoded = Classifier(onnx_model()), Recorder(), []

    def count(image: Image.Image, min_side: int) -> Image.Image:
        small = small_copy(image, min_side)
        if small is not image:
            decoded.append(small.size)
        return small

    monkeypatch.setattr("runtime.images.small_grey.small_copy", count)
    content = io.BytesIO()
    Image.effect_noise((1600, 1600), 30).save(content, "JPEG")
    frames = [open_image(content.getvalue(), "f") for _ in range(4)]
    views = [View(name, "camera:0", True, region) for name, region in REGIONS.items()]
    dispatcher = SinkDispatcher({"recorder": recorder.sink}, ErrorReporter("prog"))
    source = followed(Script(*frames), SINGLE_FRAMES, *views, rule=LookRule(on_motion=True))
    monitor([source], lambda: model, dispatcher)
    assert decoded == [(800, 800)] * 4, "a quarter of it is 128 pixels or more"
    assert len(recorder.frames) == 2 * len(views)
