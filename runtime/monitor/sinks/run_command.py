"""Runs a user's command at each change.

No shell parses a label: the command gets it as an argument and in the environment.
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from runtime.errors import InputRefused, MachineError
from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.events import AnswerChange
from runtime.system.terminal import escape_control_chars

MAX_RUNNING = 4
RUN_TIMEOUT_S = 30.0
EXIT_TIMEOUT_S = 0.5
"""A command has so many seconds to end when this program ends."""


@contextmanager
def open_command(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Runs the words of --on-change with label and score appended; ends running ones at the end.

    Raises:
        InputRefused: not a valid command, or there is no such program.
    """
    words = command_words(options.on_change)
    runner = CommandRunner(words, context, options.command_seconds)
    try:
        yield Sink(on_change=runner.start)
    finally:
        runner.close()


def command_words(text: str) -> list[str]:
    """Returns the words of a command, split as by a shell; nothing is expanded.

    Raises:
        InputRefused: no words, a quote that does not end, or no such program.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputRefused("--on-change", f"not a valid command: {error}, in {text}") from error
    if not words:
        raise InputRefused("--on-change", "expected a command, found nothing")
    if shutil.which(words[0]) is None:
        raise InputRefused("--on-change", f"no such program: {words[0]}")
    return words


def command_arguments(change: AnswerChange) -> list[str]:
    r"""Returns label and score, without control characters.

    A label cannot be mistaken for an option: a leading "-" becomes "\x2d".
    """
    label = _label_text(change.predicted)
    if label.startswith("-"):
        label = rf"\x2d{label[1:]}"
    return [label, _score_text(change.score)]


def command_environment(change: AnswerChange) -> dict[str, str]:
    """Returns the variables of the command; QUINCE_PREDICTED is empty for unsure and unknown.

    Commands of earlier versions read the last three.
    """
    predicted, before = _label_text(change.predicted), _label_text(change.predicted_before)
    return {
        "QUINCE_PREDICTED": predicted,
        "QUINCE_SCORE": _score_text(change.score),
        "QUINCE_VERDICT": change.verdict or "",
        "QUINCE_PREDICTED_BEFORE": before,
        "QUINCE_STATE": change.state,
        "QUINCE_AT": change.at,
        "QUINCE_SOURCE": escape_control_chars(change.view.source_address),
        "QUINCE_VIEW": change.view.name,
        "QUINCE_LABEL": predicted,
        "QUINCE_BEFORE": before,
        "QUINCE_TIME": change.at,
    }


class CommandRunner:
    """Runs at most four child processes at a time; a thread watches each of them."""

    def __init__(
        self, words: list[str], context: SinkContext, timeout_s: float = RUN_TIMEOUT_S
    ) -> None:
        self._words, self._context, self._timeout_s = words, context, timeout_s
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closing = False

    def start(self, change: AnswerChange) -> None:
        """Starts the command and returns at once.

        Raises:
            MachineError: the command cannot be started, or too many are still running.
        """
        with self._lock:
            if len(self._running) >= MAX_RUNNING:
                raise self._error(f"{MAX_RUNNING} are still running; not started for this change")
            try:
                child = subprocess.Popen(
                    [*self._words, *command_arguments(change)],
                    env={**os.environ, **command_environment(change)},
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # standard output is for results
                    start_new_session=True,
                )
            except OSError as error:
                raise self._error(error.strerror or str(error)) from error
            self._running.add(child)
        threading.Thread(target=self._watch, args=(child,), daemon=True).start()

    def close(self) -> None:
        """Ends the running commands: with SIGTERM, and after 0.5 s with SIGKILL."""
        with self._lock:
            self._closing = True
            running = list(self._running)
        for number, wait_s in ((signal.SIGTERM, EXIT_TIMEOUT_S), (signal.SIGKILL, 0.1)):
            for child in running:
                if child.poll() is None:
                    _signal_group(child, number)
            for child in running:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(wait_s)
                    wait_s = 0.1

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        try:
            problem = _exit_problem(child.wait(self._timeout_s))
        except subprocess.TimeoutExpired:
            _signal_group(child, signal.SIGKILL)
            child.wait()
            problem = f"was still running after {self._timeout_s:g} s and was killed"
        with self._lock:
            self._running.discard(child)
            closing = self._closing
        if problem and not closing:
            self._context.errors.report(self._error(problem))

    def _error(self, reason: str) -> MachineError:
        return MachineError("--on-change", f"{self._words[0]}: {reason}")


def _exit_problem(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    return f"ended by signal {-code}" if code else ""


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    """Sends a signal to the command and to everything that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _label_text(label: str | None) -> str:
    return "" if label is None else escape_control_chars(label)


def _score_text(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"
