"""A user's command, started at each change. No shell sees a label: it comes as an argument and in the environment."""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from runtime import cli
from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.sinks import About, Change, Sink

MOST_RUNNING = 4
LIMIT_S, LEAVE_S = 30.0, 0.5
"""How long a command may take, and how long it has to end when this program does, seconds."""


@contextmanager
def open_command(options: argparse.Namespace, about: About) -> Iterator[Sink]:
    """Runs the words of --on-change with label and score appended; what still runs at the end is ended.

    Raises:
        InputRefused: not the words of a command, or there is no such program.
    """
    starter = Starter(command_words(options.on_change), about, options.command_seconds)
    try:
        yield Sink(change=starter.start)
    finally:
        starter.close()


def command_words(text: str) -> list[str]:
    """The words of a command, as a shell would split them; nothing is expanded.

    Raises:
        InputRefused: no words, a quote that does not end, or no such program.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputRefused("--on-change", f"not a command: {error}, in {text}") from error
    if not words:
        raise InputRefused("--on-change", "expected a command, found nothing")
    if shutil.which(words[0]) is None:
        raise InputRefused("--on-change", f"no such program: {words[0]}")
    return words


def arguments(change: Change) -> list[str]:
    """Label and score, one line each: no control characters, and no label that a program could take for an option."""
    label = _text(change.label)
    return [rf"\x2d{label[1:]}" if label.startswith("-") else label, _number(change.score)]


def environment(change: Change, about: About) -> dict[str, str]:
    """QUINCE_LABEL (empty for unknown), QUINCE_SCORE, QUINCE_BEFORE, QUINCE_STATE, QUINCE_TIME, QUINCE_SOURCE."""
    return {
        "QUINCE_LABEL": _text(change.label),
        "QUINCE_SCORE": _number(change.score),
        "QUINCE_BEFORE": _text(change.before),
        "QUINCE_STATE": change.state,
        "QUINCE_TIME": change.at,
        "QUINCE_SOURCE": cli.printable(about.source),
    }


class Starter:
    """Children of this process, at most four at a time, each watched by a thread."""

    def __init__(self, words: list[str], about: About, limit_s: float = LIMIT_S) -> None:
        self._words, self._about, self._limit_s = words, about, limit_s
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closing = False

    def start(self, change: Change) -> None:
        """Starts the command and returns.

        Raises:
            MachineError: it cannot be started, or too many still run.
        """
        with self._lock:
            if len(self._running) >= MOST_RUNNING:
                raise self._failed(f"{MOST_RUNNING} of them still run; not started for this change")
            try:
                child = subprocess.Popen(
                    [*self._words, *arguments(change)],
                    env={**os.environ, **environment(change, self._about)},
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # standard output is for results
                    start_new_session=True,
                )
            except OSError as error:
                raise self._failed(error.strerror or str(error)) from error
            self._running.add(child)
        threading.Thread(target=self._watch, args=(child,), daemon=True).start()

    def close(self) -> None:
        """Ends what still runs: asked first, then killed."""
        with self._lock:
            self._closing = True
            running = list(self._running)
        for number, wait_s in ((signal.SIGTERM, LEAVE_S), (signal.SIGKILL, 0.1)):
            for child in running:
                if child.poll() is None:
                    _signal(child, number)
            for child in running:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(wait_s)
                    wait_s = 0.1

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        try:
            code = child.wait(self._limit_s)
            problem = f"ended with exit code {code}" if code > 0 else f"ended by signal {-code}" if code else ""
        except subprocess.TimeoutExpired:
            _signal(child, signal.SIGKILL)
            child.wait()
            problem = f"still ran after {self._limit_s:g} s and was killed"
        with self._lock:
            self._running.discard(child)
            closing = self._closing
        if problem and not closing:
            self._about.complain(self._failed(problem))

    def _failed(self, reason: str) -> QuinceError:
        return MachineError("--on-change", f"{self._words[0]}: {reason}")


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    """To the command and all it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _text(label: str | None) -> str:
    return "" if label is None else cli.printable(label)


def _number(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"
