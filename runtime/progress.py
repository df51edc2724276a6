"""A progress bar on a terminal, plain lines in a log; for the long steps of `train` and `export`."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")

BAR_WIDTH = 10
TERMINAL_INTERVAL_S, LOG_INTERVAL_S = 0.1, 10.0


class Progress:
    """`with Progress("decode", 3600) as bar: bar.advance()`: label, bar, count, time left, and whatever `note` says."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done, self.note = label, total, 0, ""
        self._terminal = sys.stderr.isatty()
        self._start = self._shown = time.monotonic()

    def __enter__(self) -> "Progress":
        self._show()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._show(last=True)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more as done."""
        self.done += steps
        self.note = note or self.note
        if time.monotonic() - self._shown >= (TERMINAL_INTERVAL_S if self._terminal else LOG_INTERVAL_S):
            self._show()

    def _show(self, *, last: bool = False) -> None:
        self._shown = time.monotonic()
        seconds = self._shown - self._start
        left = seconds / self.done * (self.total - self.done) if self.done else 0.0
        when = f"{seconds:.0f} s" if last or not self.done else f"{left:.0f} s left"
        count = f"{self.done}/{self.total}"
        if self._terminal:
            filled = BAR_WIDTH * self.done // max(self.total, 1)
            line = f"{self.label:<19} {'█' * filled}{'·' * (BAR_WIDTH - filled)} {count}  {when}  {self.note}"
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            print(f"\r\x1b[2K{line[: width - 1]}", end="\n" if last else "", file=sys.stderr, flush=True)
        elif last or self.done:
            print(f"{self.label}: {count}, {when}{', ' if self.note else ''}{self.note}", file=sys.stderr, flush=True)


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """The items, with a progress bar that advances as they are taken."""
    with Progress(label, total) as bar:
        for item in items:
            yield item
            bar.advance()
