"""runtime.atomic.locked: one process at a time, and a wait that is long is said."""

import threading
from pathlib import Path

import pytest

from runtime.atomic import locked


def test_who_has_to_wait_for_another_says_so_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert capsys.readouterr().err == f"waiting for another process that is at work in {tmp_path}\n"
