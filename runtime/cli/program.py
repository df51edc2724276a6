"""Runs a `main` function as a program: its outcome becomes an exit code and at most one line."""

import atexit
import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from runtime.cli.memory_guard import require_memory, run_in_child
from runtime.cli.parser import expect_json, prints_json
from runtime.cli.signals import cleaning_up, end_process, handle_signals, received_signal
from runtime.errors import (
    BUG,
    INTERRUPTED,
    MACHINE,
    OF_THE_MACHINE,
    PIPE_CLOSED,
    InputRefused,
    MachineError,
    QuinceError,
)
from runtime.system.lazy_loading import NOT_MAPPED
from runtime.system.terminal import say

OF_THE_NAME = (errno.ENAMETOOLONG, errno.ELOOP)
"""Failures of a path that the user named, wherever it was first used; they are no bug of ours."""

OF_THE_SYSTEM = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
"""Failures that name no file: too little memory, too many processes or open files."""

NO_THREAD = ("can't start new thread", "Resource temporarily unavailable")
"""Messages of Python and of C++ where a limit leaves no room for a thread."""

Main = Callable[[Sequence[str]], int]


def run_program(
    name: str, main: Main, arguments: Sequence[str] | None = None, package: str = ""
) -> NoReturn:
    """Runs `main` and ends the process with the exit code that its outcome stands for.

    `package` has its needs in `runtime.cli.memory_guard`; empty: they are not checked.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    expect_json(package, words)
    _open_missing_streams()
    try:
        if package:
            require_memory(package, words)
        code_of_child = run_in_child() if package else None
    except MachineError as error:
        os._exit(_report(name, error))
    if code_of_child is not None:
        os._exit(code_of_child)
    exit_code: list[int] = []
    atexit.register(_skip_teardown, exit_code)
    handle_signals(name)
    code = _run(name, main, words)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _stdout_failed(name, error)
    exit_code.append(code)
    raise SystemExit(code)


def _skip_teardown(exit_code: list[int]) -> None:
    """Ends the process after all other exit handlers, before Python tears its modules down.

    The teardown takes a tenth of the time that `predict` takes for one image, and for that time
    Python gives the signals their default actions back, so the exit code would be another.
    """
    if exit_code:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(exit_code[0])


def _open_missing_streams() -> None:
    """Opens standard streams that the caller closed, and lets the others print any file name."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "w"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(name: str, main: Main, words: Sequence[str]) -> int:
    """Returns the exit code. After a signal it does not return, whatever came of `main`."""
    try:
        with cleaning_up():
            code = main(words)
    except BaseException as error:
        if received_signal() is None:
            return _failed(name, error)
        code = BUG
    if (number := received_signal()) is not None:
        with suppress(OSError):
            sys.stdout.flush()
        end_process(number)
    return code


def _failed(name: str, error: BaseException) -> int:
    """Returns the exit code for an error and prints its line; raises the error if it is a bug."""
    if isinstance(error, SystemExit):  # --help, --version, wrong usage
        return error.code if isinstance(error.code, int) else BUG
    if isinstance(error, KeyboardInterrupt):
        say(f"{name}: interrupted")
        return INTERRUPTED
    if isinstance(error, QuinceError):
        return _report(name, error)
    no_thread = isinstance(error, RuntimeError) and any(words in str(error) for words in NO_THREAD)
    if isinstance(error, MemoryError) or no_thread:
        return _report(name, MachineError("memory", "not enough for this input"))
    if isinstance(error, ImportError) and any(words in str(error) for words in NOT_MAPPED):
        reason = "too little is left to load a library; raise the limit"
        return _report(name, MachineError("memory", reason))
    if isinstance(error, OSError):
        return _failed_access(name, error)
    raise error


def _failed_access(name: str, error: OSError) -> int:
    reason = error.strerror or str(error)
    if error.errno in OF_THE_SYSTEM:
        return _report(name, MachineError(str(error.filename or "this machine"), reason))
    if error.filename is None:
        return _stdout_failed(name, error)
    if error.errno in OF_THE_MACHINE:
        return _report(name, MachineError(str(error.filename), reason))
    if error.errno in OF_THE_NAME:
        return _report(name, InputRefused(str(error.filename), reason))
    raise error


def _report(name: str, error: QuinceError) -> int:
    """Prints the line of an error, and the object that a program reads; returns its exit code."""
    if prints_json():
        # Imports json, which no good start needs; under a memory limit there may be no room.
        with suppress(OSError, MemoryError, ImportError):
            from runtime.cli.output import print_error

            print_error(error)
    say(f"{name}: {error}")
    return error.exit_code


def _stdout_failed(name: str, error: OSError) -> int:
    _forget_stdout()
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    say(f"{name}: standard output: {error.strerror}")
    return MACHINE


def _forget_stdout() -> None:
    """Discards standard output, so that Python's own flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
