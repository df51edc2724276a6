"""Tests that each change is one line of text or JSON, whatever the label contains."""

import argparse
import json

import pytest

from runtime.answer import Prediction
from runtime.cli.output import JSON_SCHEMA
from runtime.monitor.sinks.json_lines import open_json_lines
from runtime.monitor.sinks.text_lines import format_line, open_lines
from runtime.monitor.views import View

HOSTILE = "a\nb\x1b[31m\ud800"


def test_change_has_time_label_and_score(change) -> None:
    assert format_line(change()) == "2026-11-24T12:31:07 banana 0.930"
    unknown = change(None, 0.41, predictions=(Prediction("apple", 0.41),))
    assert format_line(unknown) == "2026-11-24T12:31:07 unknown (apple 0.410)"
    lost = change(None, None, state="lost", predicted_before="banana", predictions=())
    assert format_line(lost) == "2026-11-24T12:31:07 lost: camera:0 #3 was the last frame"


def test_label_stays_on_its_line(change, context, capsys: pytest.CaptureFixture[str]) -> None:
    with open_lines(argparse.Namespace(), context()) as sink:
        sink.on_change(change(HOSTILE))
    assert capsys.readouterr().out == "2026-11-24T12:31:07 a\\nb\\x1b[31m\\ud800 0.930\n"


def test_json_contains_the_label_unchanged(
    change, context, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_json_lines(argparse.Namespace(), context()) as sink:
        sink.on_change(change(HOSTILE))
    written = capsys.readouterr().out
    assert written.isascii()
    assert written.count("\n") == 1
    fields = json.loads(written)
    assert sorted(fields) == [
        "artifact",
        "at",
        "bundle_id",
        "bundle_name",
        "frame",
        "predicted",
        "predicted_before",
        "predictions",
        "schema",
        "score",
        "similarity",
        "source",
        "state",
        "verdict",
        "view",
    ]
    assert (
        fields["predicted"],
        fields["schema"],
        fields["source"],
        fields["bundle_name"],
        fields["bundle_id"],
    ) == (
        HOSTILE,
        JSON_SCHEMA,
        "camera:0",
        "fruit",
        "0123456789ab",
    )


def test_line_begins_with_the_view_if_there_are_several(
    change, context, capsys: pytest.CaptureFixture[str]
) -> None:
    belt, clip = View("gate/belt", "camera:0", True), View("clip", "c.mp4", False)
    with open_lines(argparse.Namespace(), context(views=(belt, clip))) as sink:
        sink.on_change(change(view=belt))
        sink.on_change(change(view=clip, frame="c.mp4 #3"))
    assert capsys.readouterr().out.splitlines() == [
        "gate/belt: 2026-11-24T12:31:07 banana 0.930",
        "clip: c.mp4 #3: 2026-11-24T12:31:07 banana 0.930",
    ]
