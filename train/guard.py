"""A process that waits for another which does the work: libraries that end a process from C++ cannot end it without a word to the user."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from runtime import cli

POLL_S = 1.0
"""How soon the work ends where whoever waits for it was killed."""


def run_guarded(name: str, main: Callable[[Sequence[str] | None], int], if_aborted: str) -> int:
    """Runs `main` in a process of its own and returns the exit code of that; says `if_aborted` where a library ended it.

    Only what Python prints is seen of the work: C++ libraries write to descriptors that lead nowhere (QUINCE_DEBUG=1 shows it). To be
    called before anything starts a thread.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    guard = os.getpid()
    worker = os.fork()
    if not worker:
        os.setpgid(0, 0)  # Ctrl-C reaches it through the guard alone, once
        threading.Thread(target=_end_with, args=(guard,), daemon=True).start()
        _work(name, main)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: _pass_on(worker, number, frame))
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    if code < 0:
        ended_by = signal.Signals(-code)
        cli.say(f"{name}: {if_aborted if ended_by == signal.SIGABRT else f'the work was ended by {ended_by.name}; was memory short?'}")
        code = cli.MACHINE
    return code


def _pass_on(worker: int, number: int, frame: FrameType | None) -> None:
    os.kill(worker, number)


def _end_with(guard: int) -> None:
    while os.getppid() == guard:
        time.sleep(POLL_S)
    os._exit(cli.MACHINE)


def _work(name: str, main: Callable[[Sequence[str] | None], int]) -> NoReturn:
    """Leaves without Python's way out, in which libraries wait for other machines."""
    if not os.environ.get("QUINCE_DEBUG"):
        sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
        for number in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    code = cli.BUG
    try:
        cli.run(name, main)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else cli.BUG
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
