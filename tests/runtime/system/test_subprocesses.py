"""Tests that every end of a child process is a ChildResult, and no exception of its own."""

import signal
import sys
from pathlib import Path

import pytest

from runtime.errors import CheckFailed, InputRefused, MachineError, QuinceError
from runtime.system.subprocesses import ChildResult, ask_child

ANSWER = "from runtime.system.subprocesses import print_answer; from runtime.errors import *\n"


def test_answer_is_the_last_line_whatever_libraries_print() -> None:
    result = ask_child("-c", f"{ANSWER}print('noise'); print_answer(lambda: {{'scores': [0.5]}})")
    assert result == ChildResult({"scores": [0.5]})
    assert result.answered
    assert result.value() == {"scores": [0.5]}


def test_child_reads_the_question() -> None:
    code = f"import sys\n{ANSWER}print_answer(lambda: {{'read': sys.stdin.read()}})"
    assert ask_child("-c", code, question="café").value() == {"read": "café"}
    assert ask_child("-c", code).value() == {"read": ""}


@pytest.mark.parametrize("kind", [InputRefused, CheckFailed, MachineError])
def test_error_of_the_child_is_an_error_here(kind: type[QuinceError]) -> None:
    code = f"def fail(): raise {kind.__name__}('a.jpg', 'is empty')\nprint_answer(fail)"
    result = ask_child("-c", ANSWER + code)
    assert result.answered
    with pytest.raises(kind, match=r"^a\.jpg: is empty$"):
        result.value()


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("", ChildResult(reason="ends with exit code 0")),
        ("raise SystemExit(3)", ChildResult(reason="ends with exit code 3")),
        ("print('[]')", ChildResult(reason="ends with exit code 0")),
        ("raise SystemExit('gone')", ChildResult(reason="gone", errors="gone\n")),
        (
            "import os; os.kill(os.getpid(), 9)",
            ChildResult(reason="dies of signal 9 (Killed)", signal=signal.SIGKILL),
        ),
        (
            "import os; print('{\"a\": 1}', flush=True); os.kill(os.getpid(), 4)",
            ChildResult(
                reason="dies of an illegal instruction (SIGILL): it is built for a newer processor",
                signal=signal.SIGILL,
            ),
        ),
    ],
)
def test_child_without_an_answer_has_a_reason(code: str, result: ChildResult) -> None:
    assert ask_child("-c", code) == result
    assert not result.answered


def test_child_that_takes_too_long_is_killed() -> None:
    result = ask_child("-c", "import time; time.sleep(60)", timeout_s=0.5)
    assert result == ChildResult(reason="has not ended after 0 s", timed_out=True)


def test_child_that_cannot_be_started_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert ask_child("-c", "") == ChildResult(reason="cannot be started: No such file or directory")


def test_current_folder_cannot_take_the_place_of_our_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runtime.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    assert ask_child("-c", f"{ANSWER}print_answer(lambda: {{'a': 1}})").value() == {"a": 1}


def test_debug_shows_what_the_child_writes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = "import sys; print('noise', file=sys.stderr)"
    monkeypatch.delenv("QUINCE_DEBUG", raising=False)
    ask_child("-c", code)
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("QUINCE_DEBUG", "1")
    ask_child("-c", code)
    assert "noise" in capfd.readouterr().err
