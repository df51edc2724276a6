"""A line on standard output for each change, for people."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from runtime import cli
from runtime.sinks import About, Change, Sink


@contextmanager
def open_lines(options: argparse.Namespace, about: About) -> Iterator[Sink]:
    """Prints `line` of each change; of a folder or clip, where time says little, after the name of its frame."""

    def show(change: Change) -> None:
        name = "" if about.live else f"{cli.printable(change.frame)}: "
        print(f"{name}{line(change)}", flush=True)

    yield Sink(change=show)


def line(change: Change) -> str:
    """ "2026-11-24T12:31:07 banana 0.931", "... unknown (banana 0.412)", "... lost: camera:0 #512 was the last frame"."""
    at = change.at[:19]
    if change.state == "lost":
        return f"{at} lost: {cli.printable(change.frame)} was the last frame"
    if change.label is None:
        best = change.predictions[0]
        return f"{at} unknown ({cli.printable(best.label)} {best.score:.3f})"
    return f"{at} {cli.printable(change.label)} {change.score:.3f}"
