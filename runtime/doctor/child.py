"""Runs a Python script in a process of its own, so that what crashes, hangs or prints there ends nothing here."""

import json
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.children import environment, python

TIMEOUT_S = 120
"""A Raspberry Pi Zero 2 imports an interpreter from its card in some ten seconds."""


@dataclass(frozen=True)
class Outcome:
    """How a child ended: its JSON answer, or else in a few words why there is none, and all that it wrote to standard error."""

    answer: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    errors: str = ""

    @property
    def worked(self) -> bool:
        """Whether it answered."""
        return not self.reason


def run_child(*words: str | Path, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Runs `python WORDS...` with this interpreter and this Quince; the last line it prints is to be a JSON object."""
    command, quince = python(*words), environment()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=quince, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(reason=f"has not ended after {timeout_s:.0f} s")
    except OSError as error:
        return Outcome(reason=f"cannot be started: {error.strerror}")
    errors = done.stderr.decode(errors="replace")
    if done.returncode < 0:
        return Outcome(reason=f"dies of {_signal(-done.returncode)}", errors=errors)
    if answer := _answer(done.stdout):
        return Outcome(answer)
    lines = [line for line in errors.splitlines() if line.strip()]
    return Outcome(reason=lines[-1].strip()[:300] if lines else f"ends with exit code {done.returncode}", errors=errors)


def _answer(output: bytes) -> dict[str, Any]:
    """The last line as a JSON object; what libraries print goes before it."""
    try:
        found = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _signal(number: int) -> str:
    if number == signal.SIGILL:
        return "an illegal instruction (SIGILL): it is built for a newer processor"
    return f"signal {number} ({signal.strsignal(number)})"
