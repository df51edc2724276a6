"""Prints a line on standard output for each change, for people."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.answer import answer_text
from runtime.cli.output import print_line
from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.events import AnswerChange
from runtime.system.terminal import escape_control_chars


@contextmanager
def open_lines(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Prints `format_line` of each change.

    A folder or clip adds the name of the frame, because the time says little about it. The name of
    the view is first if there are several.
    """

    def print_change(change: AnswerChange) -> None:
        view = change.view
        name = f"{view.name}: " if view.name else ""
        if not view.live:
            name += f"{escape_control_chars(change.frame)}: "
        print_line(f"{name}{format_line(change)}")

    yield Sink(on_change=print_change)


def format_line(change: AnswerChange) -> str:
    """Returns a line such as "2026-11-24T12:31:07 banana 0.931".

    Others are "... unknown (banana 0.412)", "... unsure: banana or lemon (banana 0.412)" and
    "... lost: camera:0 #512 was the last frame".
    """
    at = change.at[:19]
    if change.state == "lost":
        return f"{at} lost: {escape_control_chars(change.frame)} was the last frame"
    words = escape_control_chars(answer_text(change.verdict, change.predictions))
    if change.predicted is not None:
        return f"{at} {words} {change.score:.3f}"
    best = change.predictions[0]
    return f"{at} {words} ({escape_control_chars(best.label)} {best.score:.3f})"
