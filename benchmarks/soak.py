"""Runs a model for long, in windows, and checks memory, latency and throttling."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.measurement.conditions import Conditions
from benchmarks.measurement.resident_memory import resident_bytes
from benchmarks.measurement.summary import short, summarize
from benchmarks.measurement.timing import Rule, sample
from benchmarks.reporting.result_file import ResultFile
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.shared.statistics import Z95
from runtime.shared.wording import counted
from runtime.system.machine import read_machine, throttling

SCHEMA, KIND = 2, "soak"
MIN_WINDOWS, MAX_WINDOW_S = 20, 60.0
MIB = 2**20
MAX_GROWTH_MIB = 1.0
MAX_DRIFT = 1.10
MIN_S, MIN_IMAGES = 60.0, 5
"""A shorter run, or one with fewer images in a window, decides nothing."""
WARMUP = Rule(3, 1, 0, None)


@dataclass(frozen=True)
class Window:
    """Holds the figures of one window.

    since_start_s: when it ended, since the start.
    p50_ms: of whole classifications, from the file's content.
    resident_bytes: at its end.
    """

    since_start_s: float
    count: int
    p50_ms: float
    resident_bytes: int
    temperature_c: float | None
    throttled: int | None

    def __post_init__(self) -> None:
        if min(self.since_start_s, self.count, self.resident_bytes) < 0 or self.p50_ms <= 0:
            raise InputRefused(
                "soak", f"expected a window of numbers from 0, found {str(self)[:200]}"
            )


@dataclass(frozen=True)
class SoakReport(ResultFile):
    """Holds the windows of one run, in order."""

    old_keys: ClassVar = {"": {"name": "title"}, "windows": {"at_s": "since_start_s"}}
    title: str
    command: str
    artifact: str
    threads: int
    before: Conditions
    after: Conditions
    windows: tuple[Window, ...]
    kind: str = KIND
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        count = len(self.windows)
        if count < MIN_WINDOWS:
            reason = f"expected at least {MIN_WINDOWS} windows, found {count}"
            raise InputRefused("soak", reason)

    @property
    def settled(self) -> tuple[Window, ...]:
        """The windows without the first quarter, in which caches and pools fill."""
        return self.windows[len(self.windows) // 4 :]

    @property
    def growth_mib(self) -> tuple[float, float]:
        """The growth of the resident set over the settled windows, and its lower 95 % bound.

        The growth is the slope times the time; the slope and its standard error come from least
        squares.
        """
        at_s = np.array([window.since_start_s for window in self.settled])
        size = np.array([window.resident_bytes for window in self.settled]) / MIB
        centred = at_s - at_s.mean()
        spread = float((centred**2).sum()) or 1.0
        slope = float((centred * (size - size.mean())).sum()) / spread
        residuals = size - size.mean() - slope * centred
        error = float(np.sqrt((residuals**2).sum() / max(len(at_s) - 2, 1) / spread))
        span_s = float(at_s[-1] - at_s[0])
        return slope * span_s, (slope - Z95 * error) * span_s

    @property
    def drift(self) -> float:
        """The median latency of the last quarter over that of the settled windows' first third."""
        first = self.settled[: len(self.settled) // 3]
        last = self.windows[-(len(self.windows) // 4) :]
        return _median_ms(last) / _median_ms(first)

    @property
    def too_short(self) -> str:
        """The reason why memory and latency are not checked; empty if they are."""
        seconds = self.windows[-1].since_start_s
        images = min(window.count for window in self.windows)
        if seconds >= MIN_S and images >= MIN_IMAGES:
            return ""
        run = f"{seconds:.3g} s, in a window {counted(images, 'image')}"
        return f"{run}; expected {MIN_S:g} s and {MIN_IMAGES} images"

    def faults(self) -> Iterator[str]:
        """Yields what changed too much, a sentence each.

        Memory and latency are not checked if the run was `too_short`.
        """
        growth, lower_bound = self.growth_mib
        if lower_bound > 0 and growth > MAX_GROWTH_MIB and not self.too_short:
            yield f"memory grew by {growth:.1f} MiB after it had settled: a leak"
        if self.drift > MAX_DRIFT and not self.too_short:
            yield f"latency grew to {self.drift:.2f} times what it was"
        words = {word for window in self.windows for word in throttling(window.throttled or 0)}
        if words:
            yield f"throttled: {', '.join(sorted(words))}"

    def __str__(self) -> str:
        first, last = self.windows[0], self.windows[-1]
        growth, _ = self.growth_mib
        hours = (self.settled[-1].since_start_s - self.settled[0].since_start_s) / 3600
        slope = growth / hours if hours else 0.0
        temperatures = [
            window.temperature_c for window in self.windows if window.temperature_c is not None
        ]
        if temperatures:
            temperature = f"{min(temperatures):.0f} to {max(temperatures):.0f} °C"
        else:
            temperature = "temperature not known"
        return "; ".join(
            (
                f"{self.artifact}: {sum(window.count for window in self.windows)} images"
                f" in {last.since_start_s / 60:.1f} minutes",
                f"memory {last.resident_bytes / MIB:.1f} MiB, slope {slope:+.2f} MiB/h",
                f"p50 {short(first.p50_ms)} ms at first, {short(last.p50_ms)} at last, "
                f"drift {self.drift:.3f}",
                temperature,
            )
        )


def _median_ms(windows: Sequence[Window]) -> float:
    return summarize([window.p50_ms for window in windows]).p50_ms


def count_windows(seconds: float) -> int:
    """Returns the number of windows in a run: at least 20, each of a minute or less."""
    return max(MIN_WINDOWS, round(seconds / MAX_WINDOW_S))


def soak(
    classifier: Classifier,
    contents: Sequence[bytes],
    seconds: float,
    root: Path,
    after_window: Callable[[Window], None] = lambda window: None,
) -> tuple[Window, ...]:
    """Classifies images one after another for so many seconds.

    Args:
        classifier: the model.
        contents: the contents of the image files.
        seconds: how long.
        root: the machine's state is read below this folder.
        after_window: called with each window.
    """
    count = count_windows(seconds)
    rule = Rule(0, 1, seconds / count, None)
    sample(classifier.classify, contents, WARMUP)
    windows: list[Window] = []
    start = time.monotonic()
    for _ in range(count):
        samples_ms = sample(classifier.classify, contents, rule)
        machine = read_machine(root)
        window = Window(
            round(time.monotonic() - start, 3),
            len(samples_ms),
            summarize(samples_ms).p50_ms,
            resident_bytes()[0],
            machine.temperature_c,
            machine.throttled,
        )
        windows.append(window)
        after_window(window)
    return tuple(windows)
