"""Runs a model for long, in windows: does memory grow, does latency drift, does the board get too hot?"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.conditions import Conditions
from benchmarks.latency_report import read_result
from benchmarks.resident import resident_bytes
from benchmarks.samples import short, summarise
from benchmarks.timing import Rule, sample
from benchmarks.typed import expect_types
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.machine import read_machine, throttling
from runtime.parity import Z95
from runtime.records import build, expect_list

SCHEMA, KIND = 1, "soak"
WINDOWS, LONGEST_S = 20, 60.0
"""At least so many windows, none longer than that."""
MIB = 2**20
MOST_GROWTH_MIB = 1.0
MOST_DRIFT = 1.10
LEAST_S, LEAST_PICTURES = 60.0, 5
"""Of a whole run, and in each window: with less than that nothing is judged."""


@dataclass(frozen=True)
class Window:
    """at_s: when it ended, since the start. p50_ms: of whole classifications, from the file's content. resident_bytes: at its end."""

    at_s: float
    count: int
    p50_ms: float
    resident_bytes: int
    temperature_c: float | None
    throttled: int | None

    def __post_init__(self) -> None:
        expect_types(self, "soak")
        if min(self.at_s, self.count, self.resident_bytes) < 0 or self.p50_ms <= 0:
            raise InputRefused("soak", f"expected a window of numbers from 0, found {self}")


@dataclass(frozen=True)
class SoakReport:
    """Of one run, in order."""

    name: str
    command: str
    artifact: str
    threads: int
    before: Conditions
    after: Conditions
    windows: tuple[Window, ...]
    kind: str = KIND
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        expect_types(self, "soak")
        if self.kind != KIND or type(self.schema) is not int or self.schema != SCHEMA:
            raise InputRefused("soak", f"expected a {KIND} result of schema {SCHEMA}, found {self.kind!r} of schema {self.schema!r}")
        if len(self.windows) < WINDOWS:
            raise InputRefused("soak", f"expected at least {WINDOWS} windows, found {len(self.windows)}")

    @classmethod
    def read(cls, path: Path) -> "SoakReport":
        """What `soak --json` wrote.

        Raises:
            InputRefused: not such a file, or one that does not hold up.
        """
        data = read_result(path, KIND)
        try:
            data["before"], data["after"] = (Conditions.from_data(data.get(when)) for when in ("before", "after"))
            data["windows"] = tuple(build(Window, one) for one in expect_list("windows", data.get("windows")))
            return build(cls, data)
        except InputRefused as refusal:
            raise InputRefused(str(path), f"not a usable soak result: {refusal.reason}") from refusal

    @property
    def settled(self) -> tuple[Window, ...]:
        """Without the first quarter, in which caches and pools fill."""
        return self.windows[len(self.windows) // 4 :]

    @property
    def growth_mib(self) -> tuple[float, float]:
        """By how much the resident set grew over the settled windows (its slope times their time), and the lower end of its 95 % interval.

        Least squares, with the usual error of the slope.
        """
        at = np.array([one.at_s for one in self.settled])
        size = np.array([one.resident_bytes for one in self.settled]) / MIB
        away = at - at.mean()
        spread = float((away**2).sum()) or 1.0
        slope = float((away * (size - size.mean())).sum()) / spread
        rest = size - size.mean() - slope * away
        error = float(np.sqrt((rest**2).sum() / max(len(at) - 2, 1) / spread))
        span = float(at[-1] - at[0])
        return slope * span, (slope - Z95 * error) * span

    @property
    def drift(self) -> float:
        """The median latency of the last quarter of the windows over that of the settled windows' first third."""
        first, last = (self.settled[: len(self.settled) // 3], self.windows[-(len(self.windows) // 4) :])
        return summarise([one.p50_ms for one in last]).p50_ms / summarise([one.p50_ms for one in first]).p50_ms

    @property
    def too_short(self) -> str:
        """Why nothing is judged; empty where it is."""
        fewest = min(one.count for one in self.windows)
        if self.windows[-1].at_s >= LEAST_S and fewest >= LEAST_PICTURES:
            return ""
        found = f"{self.windows[-1].at_s:.3g} s, in a window {fewest} picture{'' if fewest == 1 else 's'}"
        return f"{found}; expected {LEAST_S:g} s and {LEAST_PICTURES} pictures"

    def faults(self) -> Iterator[str]:
        """What did not stay, a sentence each; none: it may run on. Of a run that was `too_short` memory and latency are not judged."""
        growth, least = self.growth_mib
        if least > 0 and growth > MOST_GROWTH_MIB and not self.too_short:
            yield f"memory grew by {growth:.1f} MiB after it had settled: a leak"
        if self.drift > MOST_DRIFT and not self.too_short:
            yield f"latency grew to {self.drift:.2f} times what it was"
        words = sorted({word for one in self.windows for word in throttling(one.throttled or 0)})
        if words:
            yield f"throttled: {', '.join(words)}"

    def __str__(self) -> str:
        growth, _ = self.growth_mib
        hours = (self.settled[-1].at_s - self.settled[0].at_s) / 3600
        heat = [one.temperature_c for one in self.windows if one.temperature_c is not None]
        temperature = f"{min(heat):.0f} to {max(heat):.0f} °C" if heat else "temperature not known"
        memory = f"memory {self.windows[-1].resident_bytes / MIB:.1f} MiB, slope {growth / hours if hours else 0:+.2f} MiB/h"
        pictures = sum(one.count for one in self.windows)
        latency = f"p50 {short(self.windows[0].p50_ms)} ms at first, {short(self.windows[-1].p50_ms)} at last, drift {self.drift:.3f}"
        return f"{self.artifact}: {pictures} pictures in {self.windows[-1].at_s / 60:.1f} minutes; {memory}; {latency}; {temperature}"


def soak(
    classifier: Classifier, contents: Sequence[bytes], seconds: float, root: Path, after_window: Callable[[Window], None] = lambda one: None
) -> tuple[Window, ...]:
    """Classifies the pictures, given by their files' contents, one after another for so long; `after_window` hears of each window."""
    count = max(WINDOWS, round(seconds / LONGEST_S))
    rule = Rule(0, 1, seconds / count, None)
    sample(classifier.classify, contents, Rule(3, 1, 0, None))
    windows: list[Window] = []
    start = time.monotonic()
    for _ in range(count):
        samples = sample(classifier.classify, contents, rule)
        machine = read_machine(root)
        now = round(time.monotonic() - start, 3)
        windows.append(Window(now, len(samples), summarise(samples).p50_ms, resident_bytes()[0], machine.temperature_c, machine.throttled))
        after_window(windows[-1])
    return tuple(windows)
