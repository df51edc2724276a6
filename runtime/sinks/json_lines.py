"""A JSON object on standard output for each change, for programs."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from runtime import cli
from runtime.sinks import About, Change, Sink


@contextmanager
def open_json_lines(options: argparse.Namespace, about: About) -> Iterator[Sink]:
    """Prints `fields` of each change with the number of their schema."""

    def show(change: Change) -> None:
        cli.show(fields(change, about), as_json=True, text=str)

    yield Sink(change=show)


def fields(change: Change, about: About) -> dict[str, Any]:
    """What a program is told of a change: the Change itself, and what source, bundle and model it is of."""
    said = asdict(change)
    origin = said.pop("origin")
    return {**said, "predictions": [one._asdict() for one in change.predictions], "source": about.source, **origin}
