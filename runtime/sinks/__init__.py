"""Who is told what the camera sees: one file and one row each. A sink that fails is a line, and the others go on."""

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from runtime import cli
from runtime.classifier import Prediction
from runtime.errors import QuinceError
from runtime.plugins import Plugin
from runtime.sources import Frame

SILENT_S = 600.0
"""The same complaint is not said again for so long, seconds."""


@dataclass(frozen=True)
class Origin:
    """Who said it: the bundle's name, its model file, and the id of both with labels and preprocessing."""

    bundle: str
    model: str
    id: str


@dataclass(frozen=True)
class Change:
    """The answer that stands became another one, or the source was lost and no answer stands.

    at: local time, ISO 8601 with milliseconds and offset. label: None for unknown, and where the source is lost. score: of the best
    class, 0..1, None where it is lost. before: the label that stood, if one did. frame: the name of the frame.
    predictions: averaged over the window, the best first.
    """

    at: str
    state: Literal["running", "lost"]
    label: str | None
    score: float | None
    before: str | None
    frame: str
    origin: Origin
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Seen:
    """One frame and what was made of it.

    guess: the best class of this frame alone. unsure: whether its score is below the threshold. predictions: averaged over the window,
    all classes, the best first. label: the answer that stands, None while it is unknown or none does. latency_ms: from picture to
    scores. fps: classified frames a second.
    """

    frame: Frame
    origin: Origin
    guess: Prediction
    unsure: bool
    predictions: tuple[Prediction, ...]
    label: str | None
    latency_ms: float
    fps: float


@dataclass(frozen=True)
class Sink:
    """What it does with a change and with every frame: nothing if not said."""

    change: Callable[[Change], None] = lambda change: None
    seen: Callable[[Seen], None] = lambda seen: None


@dataclass
class Complaints:
    """Says on standard error what fails in a sink, each thing once in ten minutes, from any thread."""

    program: str
    said: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, error: QuinceError) -> None:
        """One line, unless it was said a moment ago."""
        now, line = time.monotonic(), str(error)
        with self.lock:
            last = self.said.get(line)
            if last is not None and now - last < SILENT_S:
                return
            self.said = {text: at for text, at in self.said.items() if now - at < SILENT_S} | {line: now}
        cli.say(f"{self.program}: {line}")


@dataclass(frozen=True)
class About:
    """What a sink may want to know of the run.

    live: whether frames come as time goes by. name: of the bundle, and min_score: the score below which an answer is unknown, 0..1, both as
    they are at the beginning.
    """

    source: str
    live: bool
    name: str
    min_score: float
    complain: Complaints


class Row(NamedTuple):
    """A context manager that takes (options, About) and gives a Sink; and whether the options ask for it."""

    plugin: Plugin
    wanted: Callable[[argparse.Namespace], bool]


SINKS = {
    "lines": Row(Plugin("runtime.sinks.lines:open_lines", extra=""), lambda options: not options.json),
    "json": Row(Plugin("runtime.sinks.json_lines:open_json_lines", extra=""), lambda options: bool(options.json)),
    "command": Row(Plugin("runtime.sinks.command:open_command", extra=""), lambda options: options.on_change is not None),
    "mqtt": Row(Plugin("runtime.sinks.mqtt:open_mqtt", extra="mqtt"), lambda options: options.mqtt is not None),
    "uncertain": Row(Plugin("runtime.sinks.uncertain:open_uncertain", extra=""), lambda options: options.save_uncertain is not None),
    "live": Row(Plugin("runtime.sinks.live_page:open_live_page", extra="live"), lambda options: bool(options.live)),
}
