"""Tests that the output of C code stays out of the terminal, and Python's own output does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.system.terminal import quiet

ROOT = Path(__file__).parents[3]


def test_only_the_named_descriptors_are_hidden_and_come_back(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUINCE_DEBUG", raising=False)
    print("before", file=sys.stderr)
    with quiet():
        os.write(2, b"noise")
        os.write(1, b"result")
    os.write(2, b"after")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("result", "before\nafter")


def test_descriptors_come_back_after_an_error_and_none_leak(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUINCE_DEBUG", raising=False)

    def fail() -> None:
        with quiet(1, 2):
            os.write(1, b"noise")
            raise ValueError("inside")

    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(ValueError, match="inside"):
            fail()
    os.write(1, b"out")
    assert capfd.readouterr().out == "out"
    assert len(os.listdir("/proc/self/fd")) == before


def test_debug_shows_all(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINCE_DEBUG", "1")
    with quiet():
        os.write(2, b"noise")
    assert capfd.readouterr().err == "noise"


@pytest.mark.parametrize("moved", [False, True], ids=["descriptor 2", "another descriptor"])
def test_own_lines_are_shown_while_libraries_are_silenced(moved: bool) -> None:
    """A supervised training has its standard error on another descriptor than libraries use."""
    move = "sys.stderr = os.fdopen(os.dup(2), 'w'); os.dup2(os.open(os.devnull, os.O_WRONLY), 2)\n"
    code = (
        "import os, sys\n"
        "from runtime.system.terminal import quiet, say\n"
        f"{move if moved else ''}"
        "with quiet():\n"
        "    os.write(2, b'noise')\n"
        "    say('shown')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "QUINCE_DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stderr == "shown\n"
