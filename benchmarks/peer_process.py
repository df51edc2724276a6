"""A process in an environment of its own that is asked about pictures, a line each: benchmarks/peers/answer.py."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any

from benchmarks.peer_environments import Environment
from benchmarks.peers import FOLDER
from runtime.errors import MachineError

LONGEST_S = 300.0
"""What one answer may take; the first one includes loading everything."""


@dataclass(frozen=True)
class Answer:
    """label: None where the picture was refused, and `refused` says why; else `ms` is how long it took."""

    label: str | None
    ms: float
    refused: str


class PeerProcess:
    """`script` with `model`, asked with `answer`. Leaving the block ends it."""

    def __init__(self, name: str, environment: Environment, script: str, model: Path, threads: int) -> None:
        words = [FOLDER / "answer.py", FOLDER / script, model.absolute(), threads]
        self._name = name
        self._folder = tempfile.TemporaryDirectory()  # some write where they run
        self._errors = Path(self._folder.name) / "errors"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [environment.python.absolute(), "-P", *map(str, words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env=environment.variables,
                cwd=self._folder.name,
            )

    def __enter__(self) -> "PeerProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def answer(self, picture: Path) -> Answer:
        """What it says of the picture.

        Raises:
            MachineError: it ended, or took too long.
        """
        data = self._ask(str(picture.absolute()))
        return Answer(data.get("label"), float(data.get("ms", 0)), str(data.get("refused", "")))

    def versions(self, distributions: Sequence[str]) -> dict[str, str]:
        """Of Python and the distributions, in its environment."""
        return dict(self._ask(list(distributions))["versions"])

    def peak_bytes(self) -> int | None:
        """The largest its resident set has been; None where the system does not tell."""
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
        except (OSError, StopIteration):
            return None

    def _ask(self, question: str | list[str]) -> dict[str, Any]:
        timer = Timer(LONGEST_S, self._process.kill)
        timer.daemon = True  # a signal between its start and the block below leaves it running: it must not keep this process alive
        timer.start()
        try:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            code = self._process.wait()
            raise MachineError(self._name, f"cannot be run: {last_words(self._errors.read_text(errors='replace'), code)}")
        return dict(json.loads(line))


def last_words(errors: str, code: int) -> str:
    """The last line of what a process wrote on standard error before it ended with `code`."""
    said = [line.strip() for line in errors.splitlines() if line.strip()]
    ended = f"ended by signal {-code}" if code < 0 else f"it ended with {code}"
    return said[-1] if said and code >= 0 else ended
