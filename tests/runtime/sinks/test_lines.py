"""runtime.sinks.lines and json_lines: one line a change, whatever a label holds."""

import argparse
import json

import pytest

from runtime.classifier import Prediction
from runtime.sinks.json_lines import open_json_lines
from runtime.sinks.lines import line, open_lines

HOSTILE = "a\nb\x1b[31m\ud800"


def test_a_change_is_time_label_and_score(change) -> None:
    assert line(change()) == "2026-11-24T12:31:07 banana 0.930"
    unknown = change(None, 0.41, predictions=(Prediction("apple", 0.41),))
    assert line(unknown) == "2026-11-24T12:31:07 unknown (apple 0.410)"
    lost = change(None, None, state="lost", before="banana", predictions=())
    assert line(lost) == "2026-11-24T12:31:07 lost: camera:0 #3 was the last frame"


def test_a_label_stays_on_its_line(change, about, capsys: pytest.CaptureFixture[str]) -> None:
    with open_lines(argparse.Namespace(), about()) as sink:
        sink.change(change(HOSTILE))
    assert capsys.readouterr().out == "2026-11-24T12:31:07 a\\nb\\x1b[31m\\ud800 0.930\n"


def test_json_gives_the_label_as_it_is(change, about, capsys: pytest.CaptureFixture[str]) -> None:
    with open_json_lines(argparse.Namespace(), about()) as sink:
        sink.change(change(HOSTILE))
    written = capsys.readouterr().out
    assert written.isascii()
    assert written.count("\n") == 1
    found = json.loads(written)
    assert sorted(found) == ["at", "before", "bundle", "frame", "id", "label", "model", "predictions", "schema", "score", "source", "state"]
    assert (found["label"], found["schema"], found["source"], found["bundle"], found["id"]) == (
        HOSTILE,
        1,
        "camera:0",
        "fruit",
        "0123456789ab",
    )
