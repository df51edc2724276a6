"""Starts Python with this interpreter and this Quince, and asks a child process for a JSON answer.

A child does what may crash, hang, print or take all memory; the parent only reads how it ended.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.errors import CheckFailed, InputRefused, MachineError, QuinceError
from runtime.system.terminal import write_stderr

ROOT = str(Path(__file__).parents[2])
MAX_REASON_CHARS = 300
LOAD_TIMEOUT_S = 120.0
"""For a child that loads an interpreter, which takes a Raspberry Pi Zero 2 some ten seconds."""
ERRORS: Mapping[int, type[QuinceError]] = {
    error.exit_code: error for error in (InputRefused, CheckFailed, MachineError)
}
"""The error that a child met, by the exit code in its answer."""


@dataclass(frozen=True)
class ChildResult:
    """How a child process ended.

    answer: the JSON object on the last line that it printed; empty without one.
    reason: in a few words why there is no answer; empty with one.
    errors: everything that it wrote to standard error.
    signal: the number of the signal that ended it; 0 if none did.
    timed_out: whether it was killed because it took too long.
    """

    answer: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    errors: str = ""
    signal: int = 0
    timed_out: bool = False

    @property
    def answered(self) -> bool:
        """Whether there is an answer, which may be an error that the child reports."""
        return not self.reason

    def value(self) -> Mapping[str, Any]:
        """Returns the answer.

        Raises:
            QuinceError: the answer is an error that the child met.
        """
        if "exit_code" in self.answer:
            kind = ERRORS.get(self.answer["exit_code"], QuinceError)
            raise kind(self.answer["thing"], self.answer["reason"])
        return self.answer


def python_command(*words: str | Path) -> list[str]:
    """Returns the command `python WORDS...`; -P keeps the current folder off its path."""
    return [sys.executable, "-P", *map(str, words)]


def child_environment() -> dict[str, str]:
    """Returns the environment of this process, with this Quince first on Python's path."""
    path = os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def ask_child(
    *words: str | Path, question: str = "", timeout_s: float | None = None
) -> ChildResult:
    """Runs `python WORDS...` and waits for its answer; see `print_answer` for the child's side.

    Args:
        words: of the command line, after the interpreter.
        question: what the child reads on its standard input.
        timeout_s: after which the child is killed; None waits for ever.
    """
    try:
        done = subprocess.run(
            python_command(*words),
            input=question.encode(),
            capture_output=True,
            env=child_environment(),
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ChildResult(reason=f"has not ended after {timeout_s:.0f} s", timed_out=True)
    except OSError as error:
        return ChildResult(reason=f"cannot be started: {error.strerror}")
    errors = done.stderr.decode(errors="replace")
    if errors and os.environ.get("QUINCE_DEBUG"):
        write_stderr(errors)
    if done.returncode < 0:
        number = -done.returncode
        return ChildResult(reason=f"dies of {_signal_words(number)}", errors=errors, signal=number)
    answer = _last_line(done.stdout)
    if answer:
        return ChildResult(answer, errors=errors)
    return ChildResult(reason=_last_words(errors, done.returncode), errors=errors)


def print_answer(work: Callable[[], Mapping[str, Any]]) -> None:
    """Prints what `work` returns, or the QuinceError that it raises, for `ask_child`."""
    try:
        answer = work()
    except QuinceError as error:
        answer = {"exit_code": error.exit_code, "thing": error.thing, "reason": error.reason}
    print(json.dumps(answer), flush=True)


def _last_line(output: bytes) -> dict[str, Any]:
    """Returns the JSON object on the last line, after what libraries print; empty without one."""
    try:
        answer = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _last_words(errors: str, exit_code: int) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:MAX_REASON_CHARS] if lines else f"ends with exit code {exit_code}"


def _signal_words(number: int) -> str:
    if number == signal.SIGILL:
        return "an illegal instruction (SIGILL): it is built for a newer processor"
    return f"signal {number} ({signal.strsignal(number)})"
