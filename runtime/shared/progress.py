"""Shows the progress of long steps: a bar on a terminal, plain lines in a log."""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TextIO, TypeVar

from runtime.system.terminal import write_stderr

Item = TypeVar("Item")

BAR_WIDTH = 10
TERMINAL_INTERVAL_S, TICK_S, LOG_INTERVAL_S = 0.1, 0.5, 10.0

_open_bars: list["Progress"] = []
"""The bars of steps that run now, each inside the one before it; only the last is drawn."""


class Progress:
    """Shows a label, bar, count, time left and note of one step; a total of 0 is unknown.

    `with Progress("decode", 3600) as bar: bar.advance()` is how to use it. A step inside another
    takes its place on the screen, and its time does not count for the outer one.
    """

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done, self.note = label, total, 0, ""
        self._terminal = sys.stderr.isatty()
        self._stream: TextIO = sys.stderr
        self._start = self._shown = time.monotonic()
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> "Progress":
        if self._terminal:
            # A stream of its own stays open while `quiet` closes the common one to libraries.
            self._stream = open(os.dup(sys.stderr.fileno()), "w", errors="backslashreplace")
        _open_bars.append(self)
        self._show()
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._show(last=True)
        _open_bars.remove(self)
        if _open_bars:
            _open_bars[-1]._start += time.monotonic() - self._start
        if self._terminal:
            with suppress(OSError):
                self._stream.close()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Counts `steps` more as done."""
        self.done += steps
        self.note = note or self.note
        if self.done >= self.total and not self._terminal:
            return  # a log gets its last line when the step ends
        interval = TERMINAL_INTERVAL_S if self._terminal else LOG_INTERVAL_S
        if time.monotonic() - self._shown >= interval:
            self._show()

    def _tick(self) -> None:
        """Updates the seconds while a long step does not advance; in a log, only now and then."""
        interval = TICK_S if self._terminal else LOG_INTERVAL_S
        while not self._ended.wait(TICK_S):
            is_due = time.monotonic() - self._shown >= interval
            if is_due and (self._terminal or self.done < self.total):
                self._show()

    def _show(self, *, last: bool = False) -> None:
        # The work goes on where stderr is full or gone.
        with self._lock, suppress(OSError, ValueError):
            if last or (not self._ended.is_set() and _open_bars[-1:] == [self]):
                self._draw(last=last)

    def _draw(self, *, last: bool) -> None:
        self._shown = time.monotonic()
        seconds = self._shown - self._start
        if last or not self.done or self.done >= self.total:
            duration = f"{seconds:.0f} s"
        else:
            duration = f"{seconds / self.done * (self.total - self.done):.0f} s left"
        count = f"{self.done}/{self.total}" if self.total or not self.done else f"{self.done}"
        if self._terminal:
            self._draw_bar(f"{count}  {duration}  {self.note}", last=last)
        elif last or self.done or seconds > 1:
            note = f", {self.note}" if self.note else ""
            write_stderr(f"{self.label}: {count}, {duration}{note}")

    def _draw_bar(self, status: str, *, last: bool) -> None:
        filled = min(BAR_WIDTH * self.done // max(self.total, 1), BAR_WIDTH)
        line = f"{self.label:<20} {'█' * filled}{'·' * (BAR_WIDTH - filled)} {status}"
        width = os.get_terminal_size(self._stream.fileno()).columns
        end = "\n" if last else ""
        print(f"\r\x1b[2K{line[: width - 1]}", end=end, file=self._stream, flush=True)


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """Yields the items, with a progress bar that advances as they are taken."""
    with Progress(label, total) as bar:
        for item in items:
            yield item
            bar.advance()
