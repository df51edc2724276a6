"""runtime.quiet: what C code prints stays out of the terminal, what Python printed before and after does not."""

import os
import sys

import pytest

from runtime.quiet import quiet


def test_only_the_named_descriptors_are_hidden_and_come_back(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUINCE_DEBUG", raising=False)
    print("before", file=sys.stderr)
    with quiet():
        os.write(2, b"noise")
        os.write(1, b"result")
    os.write(2, b"after")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("result", "before\nafter")


def test_descriptors_come_back_after_an_error_and_none_leak(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_debug_shows_all(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINCE_DEBUG", "1")
    with quiet():
        os.write(2, b"noise")
    assert capfd.readouterr().err == "noise"
