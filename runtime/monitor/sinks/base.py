"""Defines sinks, which report what the camera sees. A new one is one file and one row here."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from runtime.answer import Thresholds
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.sinks.events import AnswerChange, FrameResult
from runtime.monitor.views import View
from runtime.sources.base import Frame
from runtime.system.lazy_loading import LazyObject


@dataclass(frozen=True)
class Sink:
    """The callbacks of a sink; each does nothing by default.

    on_still: takes a frame, perhaps undecoded, in which nothing has moved since the last answer.
    """

    on_change: Callable[[AnswerChange], None] = lambda change: None
    on_frame: Callable[[FrameResult], None] = lambda result: None
    on_still: Callable[[View, Frame], None] = lambda view, frame: None


@dataclass(frozen=True)
class SinkContext:
    """Facts about the run that a sink may need.

    views: what is looked at. bundle_name, and the thresholds of unsure and unknown: both as they
    are at the start. errors: reports what fails in another thread.
    """

    views: tuple[View, ...]
    bundle_name: str
    thresholds: Thresholds
    errors: ErrorReporter


class SinkType(NamedTuple):
    """One row of SINKS.

    opener: a function `(options, SinkContext)` that returns a context manager with a Sink.
    is_enabled: whether the command-line options ask for this sink.
    """

    opener: LazyObject
    is_enabled: Callable[[argparse.Namespace], bool]


SINKS = {
    "lines": SinkType(
        LazyObject("runtime.monitor.sinks.text_lines:open_lines", extra=""),
        lambda options: not options.json,
    ),
    "json": SinkType(
        LazyObject("runtime.monitor.sinks.json_lines:open_json_lines", extra=""),
        lambda options: bool(options.json),
    ),
    "command": SinkType(
        LazyObject("runtime.monitor.sinks.run_command:open_command", extra=""),
        lambda options: options.on_change is not None,
    ),
    "mqtt": SinkType(
        LazyObject("runtime.monitor.sinks.mqtt:open_mqtt", extra="mqtt"),
        lambda options: options.mqtt is not None,
    ),
    "collect": SinkType(
        LazyObject("runtime.monitor.sinks.collect:open_collector", extra=""),
        lambda options: options.collect is not None,
    ),
    "live": SinkType(
        LazyObject("runtime.monitor.sinks.live_page:open_live_page", extra="live"),
        lambda options: options.live or options.inbox is not None,  # which is refused alone
    ),
}
