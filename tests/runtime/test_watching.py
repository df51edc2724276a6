"""runtime.watching: the loop on scripted frames and a real model: what is told of losses, old frames, and sinks that fail."""

import time
from argparse import Namespace

import pytest
from PIL import Image

from runtime.capture import Ended
from runtime.classifier import Classifier
from runtime.confidence import Confidence
from runtime.decision import Rules
from runtime.errors import MachineError
from runtime.sinks import Change, Complaints, Seen, Sink
from runtime.sources import Frame
from runtime.watching import STALE_S, Settings, Teller, Told, watch

ONE = Settings(min_score=0.6, stable=1, window=3)


class Script:
    """What `Capture` gives, from a list: a colour is a frame taken now, (colour, age) one taken before, a state means none comes."""

    def __init__(self, *steps: object, live: bool = True) -> None:
        self._steps, self._count = list(steps), 0
        self.source, self.state, self.last_taken = Namespace(live=live, name="camera:0"), "running", None

    def next(self, timeout: float) -> Frame | None:
        if not self._steps:
            raise Ended("camera:0")
        step = self._steps.pop(0)
        if step in ("lost", "silent"):
            self.state = "lost" if step == "lost" else "running"
            self.last_taken = time.monotonic() - (STALE_S + 1 if step == "silent" else 0)
            return None
        colour, age = step if isinstance(step, tuple) else (step, 0)
        self._count, self.state, self.last_taken = self._count + 1, "running", time.monotonic() - age
        image = Image.new("F", (8, 8)) if colour == "float" else Image.new("RGB", (8, 8), colour)
        return Frame(f"camera:0 #{self._count}", image, self.last_taken)


class Heard:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.seen: list[Seen] = []
        self.sink = Sink(change=self.changes.append, seen=self.seen.append)

    def answers(self) -> list[tuple[str, str | None]]:
        return [(change.state, change.label) for change in self.changes]


@pytest.fixture
def run(onnx_model):
    """Watches a script; gives what was told and how much."""

    def run(*steps: object, settings: Settings = ONE, live: bool = True, **sinks: Sink) -> tuple[Heard, Told]:
        told, model = Heard(), Classifier(onnx_model())
        teller = Teller({**sinks, "told": told.sink}, Complaints("prog"))
        return told, watch(Script(*steps, live=live), lambda: model, settings, teller)  # type: ignore[arg-type]

    return run


def test_each_change_is_told_once_and_each_frame_is_shown(run) -> None:
    told, much = run("red", "red", "grey", "grey", "grey", "lime", settings=Settings(0.6, 1, 1))
    assert told.answers() == [("running", "red"), ("running", None), ("running", "green")]
    assert [change.before for change in told.changes] == [None, "red", None]
    assert [seen.label for seen in told.seen] == ["red", "red", None, None, None, "green"]
    assert much == Told(6, 3, 0)


@pytest.mark.parametrize("how", ["lost", "silent"])
def test_a_loss_is_told_once_and_ends_what_stood(run, how: str) -> None:
    told, _ = run("red", "red", how, how, how, "blue")
    assert told.answers() == [("running", "red"), ("lost", None), ("running", "blue")]
    assert told.changes[1].frame == "camera:0 #2"
    assert told.changes[1].before == "red"
    assert told.changes[2].score == pytest.approx(1), "a frame from before the loss must not be averaged in"


def test_the_same_answer_after_a_loss_is_told_again(run) -> None:
    told, _ = run("red", "lost", "red")
    assert told.answers() == [("running", "red"), ("lost", None), ("running", "red")]


def test_a_loss_before_any_frame_and_a_slow_folder_are_no_change(run) -> None:
    assert run("lost", "lost", "red")[0].answers() == [("running", "red")]
    assert run("red", "silent", "red", live=False)[0].answers() == [("running", "red")]


def test_an_old_frame_is_not_shown_as_fresh(run) -> None:
    told, much = run("red", ("blue", STALE_S + 1), ("blue", STALE_S + 1), "red")
    assert told.answers() == [("running", "red"), ("lost", None), ("running", "red")]
    assert much.frames == 2
    assert run("red", ("blue", STALE_S + 1), live=False, settings=Settings(0.6, 1, 1))[0].answers() == [
        ("running", "red"),
        ("running", "blue"),
    ]


def test_a_sink_that_fails_is_a_line_and_the_others_are_told(run, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(what: object) -> None:
        raise MachineError("disk", "is full")

    told, much = run("red", "blue", "lime", settings=Settings(0.6, 1, 1), first=Sink(change=fail, seen=fail))
    assert len(told.changes) == much.changes == 3
    assert len(told.seen) == 3
    assert capsys.readouterr().err == "prog: disk: is full\n", "said once"


def test_pixels_without_a_rule_are_named_and_counted(run, capsys: pytest.CaptureFixture[str]) -> None:
    told, much = run("red", "float", "float", "blue", live=False, settings=Settings(0.6, 1, 1))
    assert [change.label for change in told.changes] == ["red", "blue"]
    assert much == Told(2, 2, 2)
    assert capsys.readouterr().err.count("camera:0 #2: mode F") == 1


def test_the_frame_rate_and_latency_are_measured(run) -> None:
    told, _ = run(*["red"] * 20)
    assert told.seen[0].fps == 0
    assert all(seen.fps > 0 for seen in told.seen[1:])
    assert all(seen.latency_ms > 0 for seen in told.seen)


def test_another_model_begins_anew_and_each_change_says_whose_it_is(onnx_model) -> None:
    one = Classifier(onnx_model())
    other = Classifier(onnx_model(labels=("rot", "gruen", "blau")))
    told = Heard()
    models = [one, one, one, other, other]
    watch(Script(*["red"] * 4), lambda: models.pop(0), Settings(0.6, 1, 3), Teller({"told": told.sink}, Complaints("prog")))  # type: ignore[arg-type]
    assert [(change.label, change.before, change.origin.id) for change in told.changes] == [("red", None, one.id), ("rot", None, other.id)]
    assert one.id != other.id


def test_the_threshold_is_each_model_file_s_own_unless_one_was_asked_for(onnx_model) -> None:
    model = Classifier(onnx_model())
    assert Settings(None, 2, 4).rules(model) == Rules(0.0, 2, 4)
    model.confidence = Confidence(1.5, 0.7, 40, 0.95, 0.5)
    assert Settings(None, 2, 4).rules(model) == Rules(0.7, 2, 4)
    assert Settings(0.1, 2, 4).rules(model) == Rules(0.1, 2, 4)
