"""A progress bar on a terminal, plain lines in a log; for the long steps of `train` and `export`."""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TextIO, TypeVar

from runtime.quiet import speak

Item = TypeVar("Item")

BAR_WIDTH = 10
TERMINAL_INTERVAL_S, TICK_S, LOG_INTERVAL_S = 0.1, 0.5, 10.0


_open: list["Progress"] = []
"""The bars whose work is under way, each within the one before it: only the last is drawn."""


class Progress:
    """`with Progress("decode", 3600) as bar: bar.advance()`: label, bar, count, time left, and whatever `note` says.

    A step within another one takes its place on the screen, and its time is not the other's.
    """

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done, self.note = label, total, 0, ""
        self._terminal = sys.stderr.isatty()
        self._stream: TextIO = sys.stderr
        self._start = self._shown = time.monotonic()
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> "Progress":
        if self._terminal:  # its own way there, which stays open while `quiet` closes the common one to libraries
            self._stream = open(os.dup(sys.stderr.fileno()), "w", errors="backslashreplace")
        _open.append(self)
        self._show()
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._show(last=True)
        _open.remove(self)
        if _open:
            _open[-1]._start += time.monotonic() - self._start
        if self._terminal:
            with suppress(OSError):
                self._stream.close()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more as done."""
        self.done += steps
        self.note = note or self.note
        finished = self.done >= self.total and not self._terminal  # a log gets that line when the step ends
        if time.monotonic() - self._shown >= (TERMINAL_INTERVAL_S if self._terminal else LOG_INTERVAL_S) and not finished:
            self._show()

    def _tick(self) -> None:
        """Keeps the seconds running while a long step advances nothing: on a terminal, and in a log a line now and then."""
        interval = TICK_S if self._terminal else LOG_INTERVAL_S
        while not self._ended.wait(TICK_S):
            if time.monotonic() - self._shown >= interval and (self._terminal or self.done < self.total):
                self._show()

    def _show(self, *, last: bool = False) -> None:
        with self._lock, suppress(OSError, ValueError):  # where stderr is full or gone, the work goes on
            if last or (not self._ended.is_set() and _open[-1:] == [self]):
                self._draw(last=last)

    def _draw(self, *, last: bool) -> None:
        self._shown = time.monotonic()
        seconds = self._shown - self._start
        left = seconds / self.done * (self.total - self.done) if self.done else 0.0
        when = f"{seconds:.0f} s" if last or not self.done or self.done >= self.total else f"{left:.0f} s left"
        count = f"{self.done}/{self.total}"
        if self._terminal:
            filled = BAR_WIDTH * self.done // max(self.total, 1)
            line = f"{self.label:<20} {'█' * filled}{'·' * (BAR_WIDTH - filled)} {count}  {when}  {self.note}"
            width = os.get_terminal_size(self._stream.fileno()).columns
            print(f"\r\x1b[2K{line[: width - 1]}", end="\n" if last else "", file=self._stream, flush=True)
        elif last or self.done or seconds > 1:
            speak(f"{self.label}: {count}, {when}{', ' if self.note else ''}{self.note}")


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """The items, with a progress bar that advances as they are taken."""
    with Progress(label, total) as bar:
        for item in items:
            yield item
            bar.advance()
