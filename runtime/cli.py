"""What all four command lines share: one-line errors on stderr, results on stdout, the exit codes, signals, broken pipes."""

import argparse
import dataclasses
import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

from runtime.errors import OF_THE_MACHINE, QuinceError
from runtime.quiet import speak

DONE, BUG, REFUSED, CHECK_FAILED, MACHINE, INTERRUPTED, TERMINATED, PIPE_CLOSED = 0, 1, 2, 3, 4, 130, 143, 141
BY_SIGNAL = 128
"""Plus the number of the signal that ended it: 129 SIGHUP, 130 SIGINT, 143 SIGTERM."""
JSON_SCHEMA = 1

OF_THE_NAME = (errno.ENAMETOOLONG, errno.ELOOP)
"""Failures of a path the user named, wherever it was first touched: no bug of ours."""

OF_THE_SYSTEM = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
"""Failures that speak of no file: of memory, processes, open files."""

NOT_MAPPED = ("failed to map segment", "Cannot allocate memory", "cannot allocate memory")
"""How the loader says that there is no room for a library (ulimit -v); Python makes an ImportError of it."""

CONSOLE = "QUINCE_CONSOLE"
VERBS = {"train": "train", "export": "export", "runtime": "run", "benchmarks": "bench"}
"""Of the `quince` command, by package."""


NO_TERMINAL = 80
"""Columns of what is no terminal."""


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    def __init__(self, prog: str, **options: Any) -> None:
        """One is made for each argument that is added, and asks `shutil` how wide the terminal is: with what that imports, a hundredth of a
        start of the runtime."""
        super().__init__(prog, **{"width": _columns() - 2, **options})

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line and whose options are never guessed from a prefix."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Help)
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        say(f"{self.prog}: {message} (see {self.prog} --help)")
        raise SystemExit(REFUSED)


def _columns() -> int:
    with suppress(KeyError, ValueError):
        if columns := int(os.environ["COLUMNS"]):
            return columns
    with suppress(OSError, ValueError):  # no terminal, or no standard output
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or NO_TERMINAL
    return NO_TERMINAL


def program(package: str) -> str:
    """What a user types to reach `package`: `python -m train`, or `quince train` where this process was started so."""
    return f"quince {VERBS[package]}" if CONSOLE in os.environ else f"python -m {package}"


def add_version(parser: argparse.ArgumentParser) -> None:
    """Adds --version, which prints the installed version of quince-edge."""
    parser.add_argument("--version", action="version", version=f"quince {version()}")


def add_interpreter_arguments(parser: argparse.ArgumentParser, artifact: str) -> None:
    """Adds --artifact, by default `artifact` in words, --threads and --json."""
    parser.add_argument("--artifact", metavar="FILE", help=f"which model file of the bundle (default: {artifact})")
    parser.add_argument("--threads", type=positive, metavar="N", help="interpreter threads (default: the cores allowed)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def add_min_score(parser: argparse.ArgumentParser) -> None:
    """Adds --min-score, 0..1, by default None: what the model file says."""
    parser.add_argument("--min-score", type=share, metavar="S", help="below it the answer is unknown, 0..1 (default: what export found)")


def share(text: str) -> float:
    """A number from 0 to 1, as the `type` of an argument."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, found {text}")
    return value


def version() -> str:
    """The installed version, or "0+source" in a tree that was never installed."""
    from importlib import metadata  # a tenth of the time to a first label, for one option

    try:
        return metadata.version("quince-edge")
    except metadata.PackageNotFoundError:
        return "0+source"


def say(line: str) -> None:
    """One line on standard error, control characters escaped. Where that is full or closed, nobody can be told so."""
    with suppress(OSError):
        speak(printable(line))


def printable(text: str) -> str:
    """The text with every control character, line break and undecodable byte escaped: safe on a terminal and on one line."""
    return "".join(part if part.isprintable() else part.encode("unicode_escape", "surrogatepass").decode() for part in text)


def positive(text: str) -> int:
    """A whole number from 1, as the `type` of an argument."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 1{' to 999999999' if text.isdigit() and text.strip('0') else ''}, found {text}"
        )
    return int(text)


def show(result: Any, *, as_json: bool, text: Callable[[], str]) -> None:
    """One result on standard output: its text, or with `as_json` the dataclass or mapping on one line with a `schema` number."""
    if as_json:
        fields = dataclasses.asdict(result) if dataclasses.is_dataclass(result) and not isinstance(result, type) else dict(result)
        print(json.dumps({"schema": JSON_SCHEMA} | fields), flush=True)
    else:
        print(text(), flush=True)


def run(name: str, main: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `main` and leaves the process with the exit code its outcome stands for."""
    for name_of_stream in ("stdin", "stdout", "stderr"):
        if getattr(sys, name_of_stream) is None:  # closed by whoever started us
            setattr(sys, name_of_stream, os.fdopen(os.open(os.devnull, os.O_RDWR), "w"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _ended)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup asks us to ignore it
        signal.signal(signal.SIGHUP, _ended)
    code = _outcome(name, main, arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _stdout_failed(name, error)
    raise SystemExit(code)


def _outcome(name: str, main: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None) -> int:
    try:
        return main(arguments)
    except QuinceError as error:
        say(f"{name}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say(f"{name}: interrupted")
        return INTERRUPTED
    except MemoryError:
        say(f"{name}: memory: not enough for this input")
        return MACHINE
    except ImportError as error:
        if not any(words in str(error) for words in NOT_MAPPED):
            raise
        say(f"{name}: memory: not enough to load a library: {error}")
        return MACHINE
    except SystemExit as leaving:  # --help, --version, wrong usage, SIGTERM
        return leaving.code if isinstance(leaving.code, int) else BUG
    except OSError as error:
        if error.errno in OF_THE_SYSTEM:
            say(f"{name}: {error.filename or 'this machine'}: {error.strerror}")
            return MACHINE
        if error.filename is None:
            return _stdout_failed(name, error)
        if error.errno not in {*OF_THE_MACHINE, *OF_THE_NAME}:
            raise
        say(f"{name}: {error.filename}: {error.strerror}")
        return MACHINE if error.errno in OF_THE_MACHINE else REFUSED


def _stdout_failed(name: str, error: OSError) -> int:
    _forget_stdout()
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    say(f"{name}: standard output: {error.strerror}")
    return MACHINE


def _ended(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(BY_SIGNAL + number)


def _forget_stdout() -> None:
    """So that Python's own flush at exit does not complain a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
