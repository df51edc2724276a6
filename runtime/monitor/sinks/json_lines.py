"""Prints a JSON object on standard output for each change, for programs."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from runtime.cli.output import print_result
from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.events import AnswerChange


@contextmanager
def open_json_lines(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Prints `change_fields` of each change, with the version of the JSON."""

    def print_change(change: AnswerChange) -> None:
        print_result(change_fields(change), as_json=True, text=str)

    yield Sink(on_change=print_change)


def change_fields(change: AnswerChange) -> dict[str, Any]:
    """Returns the fields of a change and of its ModelRef, with the names of source and view."""
    fields = asdict(change)
    model_ref = fields.pop("model_ref")
    predictions = [prediction._asdict() for prediction in change.predictions]
    names = {"source": change.view.source_address, "view": change.view.name}
    return {**fields, "predictions": predictions, **names, **model_ref}
