"""Ends the program when SIGINT, SIGTERM or SIGHUP arrives, with one exit code at any moment.

At its start a program has nothing to clean up, so the handler ends the process at once.
At work (`cleaning_up`), the handler raises KeyboardInterrupt or SystemExit, and every `with` and
`finally` cleans up. Some code swallows an exception that comes from nowhere: imports of C
extensions, destructors, a broad `suppress`. Therefore `run_program` asks `received_signal` at the
end, and a thread ends the process GRACE_S after the signal whatever the main thread does.
Some C++ aborts when such an exception comes up in the Python that it calls; around it,
`signals_wait` keeps the exception back until `raise_received`.
"""

import _thread
import os
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from runtime.system.terminal import say

BY_SIGNAL = 128
"""An exit code is this plus the signal's number: 129 SIGHUP, 130 SIGINT, 143 SIGTERM."""
GRACE_S = 1.5
"""How long a program may clean up after a signal; a user expects Ctrl-C to work within 2 s."""


class _State:
    """What the signal handlers of this process share."""

    def __init__(self) -> None:
        self.interrupted_line = "interrupted"
        self.cleans_up = False
        self.waits = False
        self.received: int | None = None


_state = _State()
_ending = _thread.RLock()


def handle_signals(program: str) -> None:
    """Lets the three signals end this process; SIGINT prints that `program` was interrupted.

    SIGHUP stays ignored where it is ignored already, as under `nohup`.
    """
    _state.interrupted_line = f"{program}: interrupted"
    signal.signal(signal.SIGINT, _on_signal)
    signal.signal(signal.SIGTERM, _on_signal)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _on_signal)


def received_signal() -> int | None:
    """Returns the number of the first signal that arrived while `cleaning_up`; None without one."""
    return _state.received


@contextmanager
def cleaning_up() -> Generator[None, None, None]:
    """Lets a signal raise in its block; a second one, or GRACE_S, ends the process without that.

    Raises:
        KeyboardInterrupt: SIGINT arrived.
        SystemExit: SIGTERM or SIGHUP arrived.
    """
    with _cleans_up(True):
        yield


@contextmanager
def ending_at_once() -> Generator[None, None, None]:
    """Lets a signal end the process in its block without a cleanup: an import has none to do."""
    with _cleans_up(False):
        yield


@contextmanager
def signals_wait() -> Generator[None, None, None]:
    """Lets a signal in its block raise only in `raise_received`, which its end calls too.

    It is for the main thread, in a block of `cleaning_up` that calls `raise_received` often.

    Raises:
        KeyboardInterrupt, SystemExit: as `cleaning_up`.
    """
    _state.waits = True
    try:
        yield
    finally:
        _state.waits = False
    raise_received()


def raise_received() -> None:
    """Raises what `cleaning_up` raises if a signal has arrived."""
    if (number := _state.received) is not None:
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(BY_SIGNAL + number)


@contextmanager
def interrupted_line(line: str) -> Generator[None, None, None]:
    """Prints `line` if SIGINT ends the process within its block."""
    before, _state.interrupted_line = _state.interrupted_line, line
    try:
        yield
    finally:
        _state.interrupted_line = before


def end_process(number: int) -> NoReturn:
    """Ends this process as signal `number` asks for; only the first thread that calls it prints."""
    with _ending:
        try:
            if number == signal.SIGINT:
                say(_state.interrupted_line)
        finally:
            os._exit(BY_SIGNAL + number)


@contextmanager
def _cleans_up(value: bool) -> Generator[None, None, None]:
    before, _state.cleans_up = _state.cleans_up, value
    try:
        yield
    finally:
        _state.cleans_up = before


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _state.received is not None or not _state.cleans_up:
        end_process(_state.received or number)
    _state.received = number
    sys.unraisablehook = _print_nothing  # a destructor that swallows the exception prints it
    with suppress(RuntimeError):  # no thread can be started
        _thread.start_new_thread(_end_after_grace, (number,))
    if not _state.waits:
        raise_received()


def _end_after_grace(number: int) -> None:
    time.sleep(GRACE_S)
    end_process(number)


def _print_nothing(unraisable: object) -> None:
    pass
