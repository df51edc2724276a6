"""Ends a long training soon after SIGINT or SIGTERM, even while one step in C++ takes minutes."""

import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

from runtime.cli.signals import GRACE_S, end_process, interrupted_line, received_signal


@contextmanager
def ends_soon(program: str, hint: str) -> Generator[None, None, None]:
    """Lets a signal end the process within its block, which the main thread must enter.

    The process ends when the main thread has left the block, or GRACE_S after the signal, or at a
    second signal. SIGINT prints `hint`. Files that runtime.system.atomic_files writes are whole
    whenever that happens. TensorFlow's own exit can take seconds, so it is skipped.
    """
    reader = _SignalReader()
    before = signal.set_wakeup_fd(reader.wakeup.fileno(), warn_on_full_buffer=False)
    try:
        with interrupted_line(f"{program}: interrupted; {hint}"):
            try:
                yield
            except BaseException:
                if (number := received_signal()) is not None:
                    end_process(number)
                raise
    finally:
        signal.set_wakeup_fd(before)
        reader.close()


class _SignalReader:
    """A thread that reads each signal's number as a byte, whatever the main thread does.

    Python calls a signal handler in the main thread only, between two calls of C code.
    """

    def __init__(self) -> None:
        self._reader, self.wakeup = socket.socketpair()
        self.wakeup.setblocking(False)
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.wakeup.close()
        self._thread.join()
        self._reader.close()

    def _wait(self) -> None:
        first = self._reader.recv(1)
        if not first:
            return
        self._reader.settimeout(GRACE_S)
        try:
            if not self._reader.recv(1):
                return
        except TimeoutError:
            pass
        end_process(first[0])
