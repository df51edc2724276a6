"""Ctrl-C and SIGTERM end a long training soon, even while one step in C++ takes minutes; a second one ends it at once."""

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

from runtime import cli

GRACE_S = 1.5
"""What the main thread has to clean up after itself: Python hands a signal to it only between two calls of C code."""
CODES = {signal.SIGINT: cli.INTERRUPTED, signal.SIGTERM: cli.TERMINATED}


@contextmanager
def ends_soon(program: str, hint: str) -> Generator[None, None, None]:
    """Within it, SIGINT and SIGTERM end the process: as soon as the main thread has left it, after 1.5 s, or at a second signal.

    SIGINT says `hint`. What is written through runtime.atomic is whole whenever that happens. TensorFlow's own way out, which can take
    seconds, is not taken. To be entered in the main thread.
    """
    watch = _Watch(program, hint)
    before = signal.set_wakeup_fd(watch.theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as leaving:
        watch.end(signal.SIGINT if isinstance(leaving, KeyboardInterrupt) else signal.SIGTERM)
    finally:
        signal.set_wakeup_fd(before)
        watch.close()


class _Watch:
    """A thread that gets each signal's number as a byte, whatever the main thread is doing."""

    def __init__(self, program: str, hint: str) -> None:
        self._line = f"{program}: interrupted; {hint}"
        self._ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.theirs.close()
        self._thread.join()
        self._ours.close()

    def end(self, number: int) -> None:
        """Ends the process; whichever thread comes first speaks."""
        self._ending.acquire()
        if number == signal.SIGINT:
            cli.say(self._line)
        os._exit(CODES[signal.Signals(number)])

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
        self.end(first[0])
