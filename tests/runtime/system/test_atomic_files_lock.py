"""Tests that one process at a time holds a lock, and that a long wait is reported."""

import threading
from pathlib import Path

import pytest

from runtime.system.atomic_files import locked


def test_long_wait_is_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    took: list[str] = []

    def take(name: str) -> None:
        with locked(tmp_path):
            took.append(name)

    with locked(tmp_path):
        other = threading.Thread(target=take, args=("other",))
        other.start()
        other.join(1.5)
        took.append("first")
    other.join(10)
    assert took == ["first", "other"]
    assert capsys.readouterr().err == f"waiting for another process that works in {tmp_path}\n"
