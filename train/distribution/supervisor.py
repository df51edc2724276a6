"""Runs work in a child process, and reports how the child ended.

TensorFlow may abort its process from C++, where Python cannot print an error.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from runtime.cli.program import Main, run_program
from runtime.cli.signals import handle_signals
from runtime.errors import BUG, MACHINE
from runtime.system.terminal import say

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that the parent passes on to the child."""
POLL_S = 1.0
"""How often the child checks that its parent is alive; it ends without it."""


def run_supervised(name: str, main: Main, if_aborted: str) -> int:
    """Runs `main` in a child process and returns its exit code; prints `if_aborted` if it aborted.

    Only the output of Python is shown: C++ libraries write to descriptors that lead nowhere
    (QUINCE_DEBUG=1 shows their output). Call this before anything starts a thread.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # until both processes have handlers
    child = os.fork()
    if not child:
        os.setpgid(0, 0)  # so that Ctrl-C reaches the child only once, from the parent
        handle_signals(name)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        _work(name, main)
    with _signals_passed_on(child):
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        return code
    if -code == signal.SIGABRT:
        reason = if_aborted
    else:
        reason = f"{signal.Signals(-code).name} ended the work; memory may have run out"
    say(f"{name}: {reason}")
    return MACHINE


@contextmanager
def _signals_passed_on(child: int) -> Generator[None, None, None]:
    """Passes each signal on to the child, also one that was blocked before the block."""

    def pass_on(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.getsignal(number) for number in PASSED_ON}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(MACHINE)


def _work(name: str, main: Main) -> NoReturn:
    """Runs `main` and leaves with os._exit: in Python's own exit, libraries wait for others."""
    if not os.environ.get("QUINCE_DEBUG"):
        sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
        for number in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    code = BUG
    try:
        run_program(name, main)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else BUG
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
