"""Calls all sinks, and reports what goes wrong in one."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.errors import QuinceError
from runtime.monitor.sinks.base import Sink
from runtime.monitor.sinks.error_reporter import ErrorReporter
from runtime.monitor.sinks.events import AnswerChange, FrameResult
from runtime.monitor.views import View
from runtime.sources.base import Frame


@dataclass(frozen=True)
class SinkDispatcher:
    """Calls the sinks, by name. An error in one is reported, and the others are still called."""

    sinks: Mapping[str, Sink]
    errors: ErrorReporter

    def on_change(self, change: AnswerChange) -> None:
        """Sends a change to every sink."""
        for sink in self.sinks.values():
            try:
                sink.on_change(change)
            except QuinceError as error:
                self.errors.report(error)

    def on_still(self, view: View, frame: Frame) -> None:
        """Sends a frame in which nothing has moved to every sink."""
        for sink in self.sinks.values():
            sink.on_still(view, frame)

    def on_frame(self, result: FrameResult) -> None:
        """Sends a classified frame to every sink."""
        for sink in self.sinks.values():
            try:
                sink.on_frame(result)
            except QuinceError as error:
                self.errors.report(error)
