"""Ctrl-C and SIGTERM end a long training soon, even while one step in C++ takes minutes; a second one ends it at once."""

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from runtime import cli

GRACE_S = 1.5
"""What the main thread has to end by itself: Python hands a signal to it only between two calls of C code."""
CODES = {signal.SIGINT: cli.INTERRUPTED, signal.SIGTERM: cli.TERMINATED}


@contextmanager
def ends_soon(program: str, hint: str) -> Generator[None, None, None]:
    """Within it, SIGINT raises a KeyboardInterrupt that says `hint`; after 1.5 s in vain, or at a second signal, the process just ends.

    What is written through runtime.atomic is whole even then. To be entered in the main thread.
    """
    watch = _Watch(program, hint)
    before = signal.set_wakeup_fd(watch.theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as leaving:
        watch.heard.set()
        for number in CODES:
            signal.signal(number, _leave_to_the_watch)
        if isinstance(leaving, KeyboardInterrupt):
            raise KeyboardInterrupt(hint) from None
        raise
    finally:
        if not watch.heard.is_set():
            signal.set_wakeup_fd(before)
            watch.close()


def _leave_to_the_watch(number: int, frame: FrameType | None) -> None:
    """In the main thread a second signal would only print a traceback while the program ends."""


class _Watch:
    """A thread that gets each signal's number as a byte, whatever the main thread is doing."""

    def __init__(self, program: str, hint: str) -> None:
        self._program, self._hint = program, hint
        self._ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.heard = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.theirs.close()
        self._thread.join()
        self._ours.close()

    def _wait(self) -> None:
        first = self._ours.recv(1)
        if not first:
            return
        self._ours.settimeout(GRACE_S)
        try:
            if not self._ours.recv(1):
                return
        except TimeoutError:
            pass
        number = signal.Signals(first[0])
        if number == signal.SIGINT and not self.heard.is_set():
            cli.say(f"{self._program}: interrupted; {self._hint}")
        os._exit(CODES.get(number, cli.BUG))
