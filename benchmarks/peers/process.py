"""Starts a peer in an environment of its own and asks it about images, a line each.

The other side is benchmarks/peers/adapters/main.py.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any

from benchmarks.peers.environments import Environment
from benchmarks.peers.registry import FOLDER
from runtime.errors import MachineError

MAX_ANSWER_S = 300.0
"""For one answer; the first one includes loading everything."""


@dataclass(frozen=True)
class PeerAnswer:
    """Holds the label of an image and the ms that it took, by the clock and of all processors.

    label: None if the image was refused; `refused` says why then.
    """

    label: str | None
    ms: float
    processor_ms: float
    refused: str


class PeerProcess:
    """Runs `script` with `model`; leaving the block ends it."""

    def __init__(
        self, name: str, environment: Environment, script: str, model: Path, threads: int
    ) -> None:
        words = [FOLDER / "main.py", FOLDER / script, model.absolute(), threads]
        self._name = name
        self._folder = tempfile.TemporaryDirectory()  # some peers write into the current folder
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def answer(self, image: Path) -> PeerAnswer:
        """Returns the peer's answer about an image.

        Raises:
            MachineError: it ended, or took too long.
        """
        data = self._ask(str(image.absolute()))
        ms, processor_ms = (float(data.get(key, 0)) for key in ("ms", "processor_ms"))
        return PeerAnswer(data.get("label"), ms, processor_ms, str(data.get("refused", "")))

    def versions(self, distributions: Sequence[str]) -> dict[str, str]:
        """Returns the versions of Python and the distributions in its environment."""
        return dict(self._ask(list(distributions))["versions"])

    def peak_bytes(self) -> int | None:
        """Returns the peak of its resident set; None if the system does not report it."""
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
        except (OSError, StopIteration):
            return None

    def _ask(self, question: str | list[str]) -> dict[str, Any]:
        timer = Timer(MAX_ANSWER_S, self._process.kill)
        # A signal may come before the block that cancels it: then it must not keep us alive.
        timer.daemon = True
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
            reason = _last_words(self._errors.read_text(errors="replace"), code)
            raise MachineError(self._name, f"cannot be run: {reason}")
        return dict(json.loads(line))


def make_file(
    name: str, environment: Environment, target: Path, script: Path, *words: str | Path
) -> str:
    """Runs `python SCRIPT WORDS...`, which writes `target`, and returns what it printed.

    Raises:
        MachineError: it failed; `name` is the thing.
    """
    done = subprocess.run(
        [environment.python.absolute(), "-P", script, *words],
        capture_output=True,
        text=True,
        errors="replace",
        env=environment.variables,
        cwd=target.parent,
    )
    if done.returncode or not target.is_file():
        reason = _last_words(done.stderr, done.returncode)
        raise MachineError(name, f"could not make its model: {reason}")
    return done.stdout


def _last_words(errors: str, code: int) -> str:
    """Returns the last line that a process wrote to standard error before it ended with `code`."""
    if code < 0:
        return f"ended by signal {-code}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else f"it ended with exit code {code}"
