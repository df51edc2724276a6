"""Tests commands in real child processes: arguments, number, time limit and end."""

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import InputRefused, MachineError
from runtime.monitor.sinks.run_command import (
    MAX_RUNNING,
    CommandRunner,
    command_arguments,
    command_words,
)

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a; touch pwned",
    "' || touch pwned #",
    "-rf",
    "--help",
    "x\ny\0z",
    "\ud800",
    "猫 noir",
]


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def recorder(tmp_path: Path) -> tuple[list[str], Path]:
    """Returns a command that writes its arguments and our variables as JSON, and that file."""
    script, file = tmp_path / "record.py", tmp_path / "record.json"
    script.write_text(
        "import json, os, sys\n"
        "ours = {name: value for name, value in os.environ.items() if name.startswith('QUINCE_')}\n"
        "json.dump([sys.argv[2:], ours], open(sys.argv[1] + '.new', 'w'))\n"
        "os.rename(sys.argv[1] + '.new', sys.argv[1])\n"
    )
    return [sys.executable, str(script), str(file)], file


def test_label_and_score_are_arguments_and_variables(change, context, recorder) -> None:
    words, file = recorder
    runner = CommandRunner(words, context())
    runner.start(change(predicted_before="apple"))
    until(file.exists)
    arguments, variables = json.loads(file.read_text())
    assert arguments == ["banana", "0.930"]
    assert variables == {
        "QUINCE_PREDICTED": "banana",
        "QUINCE_SCORE": "0.930",
        "QUINCE_VERDICT": "known",
        "QUINCE_PREDICTED_BEFORE": "apple",
        "QUINCE_STATE": "running",
        "QUINCE_AT": "2026-11-24T12:31:07.250+01:00",
        "QUINCE_SOURCE": "camera:0",
        "QUINCE_VIEW": "",
        "QUINCE_LABEL": "banana",
        "QUINCE_BEFORE": "apple",
        "QUINCE_TIME": "2026-11-24T12:31:07.250+01:00",
    }


def test_unknown_and_lost_have_an_empty_label(change, context, recorder) -> None:
    words, file = recorder
    CommandRunner(words, context()).start(change(None, None, state="lost"))
    until(file.exists)
    arguments, variables = json.loads(file.read_text())
    assert (arguments, variables["QUINCE_PREDICTED"], variables["QUINCE_STATE"]) == (
        ["", ""],
        "",
        "lost",
    )


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_hostile_label_is_one_harmless_argument(
    change, context, recorder, tmp_path: Path, monkeypatch, label: str
) -> None:
    monkeypatch.chdir(tmp_path)
    words, file = recorder
    CommandRunner(words, context()).start(change(label))
    until(file.exists)
    arguments, _ = json.loads(file.read_text())
    assert arguments == command_arguments(change(label))
    assert len(arguments) == 2
    assert not arguments[0].startswith("-")
    assert arguments[0].isprintable()
    assert not (tmp_path / "pwned").exists()


def test_words_are_split_as_by_a_shell_and_nothing_is_expanded() -> None:
    assert command_words("""sh -c 'echo "$QUINCE_LABEL"' $HOME *""") == [
        "sh",
        "-c",
        'echo "$QUINCE_LABEL"',
        "$HOME",
        "*",
    ]
    for text, reason in (
        ("", "nothing"),
        ("'", "not a valid command"),
        ("no-such-program", "no such program"),
    ):
        with pytest.raises(InputRefused, match=reason):
            command_words(text)


def test_at_most_four_run_at_a_time_and_later_ones_run_again(
    change, context, tmp_path: Path
) -> None:
    runner = CommandRunner(
        ["sh", "-c", f"touch {shlex.quote(str(tmp_path))}/$QUINCE_LABEL; sleep 60"], context()
    )
    for number in range(MAX_RUNNING):
        runner.start(change(str(number)))
    with pytest.raises(MachineError, match=f"{MAX_RUNNING} are still running"):
        runner.start(change("one-too-many"))
    until(lambda: len(list(tmp_path.iterdir())) == MAX_RUNNING)
    runner.close()
    until(lambda: not runner._running)
    runner.start(change("after"))
    until((tmp_path / "after").exists)
    runner.close()
    assert not (tmp_path / "one-too-many").exists()


def test_slow_command_is_killed_with_its_children_and_reported(
    change, context, capsys, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    runner = CommandRunner(
        ["sh", "-c", f"sleep 61 & echo $! $$ > {shlex.quote(str(pids))}; wait"],
        context(),
        timeout_s=3,
    )
    runner.start(change())
    until(lambda: not runner._running)
    for pid in pids.read_text().split():
        until(lambda pid=pid: not running(pid))
    line = "prog: --on-change: sh: was still running after 3 s and was killed"
    assert read_errors(capsys) == f"{line}\n"


def read_errors(capsys: pytest.CaptureFixture[str]) -> str:
    errors: list[str] = []

    def has_line() -> bool:
        errors.append(capsys.readouterr().err)
        return errors[-1] != ""

    until(has_line)
    return errors[-1]


def running(pid: str) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.parametrize(
    ("words", "reason"), [("exit 3", "ended with exit code 3"), ("kill -9 $$", "ended by signal 9")]
)
def test_failure_is_reported_in_one_line(change, context, capsys, words: str, reason: str) -> None:
    runner = CommandRunner(["sh", "-c", words], context())
    runner.start(change())
    assert read_errors(capsys) == f"prog: --on-change: sh: {reason}\n"


def test_command_that_cannot_be_started_is_a_machine_error(change, context, tmp_path: Path) -> None:
    script = tmp_path / "gone"
    with pytest.raises(MachineError, match="No such file"):
        CommandRunner([str(script)], context()).start(change())


def test_output_of_a_command_does_not_mix_with_results(
    change, context, capfd: pytest.CaptureFixture[str]
) -> None:
    runner = CommandRunner(["echo", "hello"], context())
    runner.start(change())
    until(lambda: not runner._running)
    written = capfd.readouterr()
    assert (written.out, written.err) == ("", "hello banana 0.930\n")


def test_close_does_not_wait_for_a_command_that_ignores_sigterm(
    change, context, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    runner = CommandRunner(
        ["sh", "-c", f"trap '' TERM; touch {shlex.quote(str(ready))}; while :; do sleep 1; done"],
        context(),
    )
    runner.start(change())
    until(ready.exists)
    start = time.monotonic()
    runner.close()
    assert time.monotonic() - start < 10  # 0.6 s, and more on a loaded machine
    until(lambda: not runner._running)
