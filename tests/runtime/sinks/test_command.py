"""runtime.sinks.command: real children; what they are given, their number, their time, and their end."""

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import InputRefused, MachineError
from runtime.sinks.command import MOST_RUNNING, Starter, arguments, command_words

HOSTILE = ["$(touch pwned)", "`touch pwned`", "a; touch pwned", "' || touch pwned #", "-rf", "--help", "x\ny\0z", "\ud800", "猫 noir"]


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def recorder(tmp_path: Path) -> tuple[list[str], Path]:
    """A command that writes its arguments and our variables as JSON, and the file it writes them to."""
    script, file = tmp_path / "record.py", tmp_path / "record.json"
    script.write_text(
        "import json, os, sys\n"
        "ours = {name: value for name, value in os.environ.items() if name.startswith('QUINCE_')}\n"
        "json.dump([sys.argv[2:], ours], open(sys.argv[1] + '.new', 'w'))\n"
        "os.rename(sys.argv[1] + '.new', sys.argv[1])\n"
    )
    return [sys.executable, str(script), str(file)], file


def test_label_and_score_are_arguments_and_variables(change, about, recorder) -> None:
    words, file = recorder
    starter = Starter(words, about())
    starter.start(change(before="apple"))
    until(file.exists)
    given, variables = json.loads(file.read_text())
    assert given == ["banana", "0.930"]
    assert variables == {
        "QUINCE_LABEL": "banana",
        "QUINCE_SCORE": "0.930",
        "QUINCE_BEFORE": "apple",
        "QUINCE_STATE": "running",
        "QUINCE_TIME": "2026-11-24T12:31:07.250+01:00",
        "QUINCE_SOURCE": "camera:0",
    }


def test_unknown_and_lost_have_an_empty_label(change, about, recorder) -> None:
    words, file = recorder
    Starter(words, about()).start(change(None, None, state="lost"))
    until(file.exists)
    given, variables = json.loads(file.read_text())
    assert (given, variables["QUINCE_LABEL"], variables["QUINCE_STATE"]) == (["", ""], "", "lost")


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_a_hostile_label_is_one_harmless_argument(change, about, recorder, tmp_path: Path, monkeypatch, label: str) -> None:
    monkeypatch.chdir(tmp_path)
    words, file = recorder
    Starter(words, about()).start(change(label))
    until(file.exists)
    given, _ = json.loads(file.read_text())
    assert given == arguments(change(label))
    assert len(given) == 2
    assert not given[0].startswith("-")
    assert given[0].isprintable()
    assert not (tmp_path / "pwned").exists()


def test_words_are_split_as_a_shell_does_and_nothing_is_expanded() -> None:
    assert command_words("""sh -c 'echo "$QUINCE_LABEL"' $HOME *""") == ["sh", "-c", 'echo "$QUINCE_LABEL"', "$HOME", "*"]
    for text, reason in (("", "nothing"), ("'", "not a command"), ("no-such-program", "no such program")):
        with pytest.raises(InputRefused, match=reason):
            command_words(text)


def test_at_most_four_run_at_a_time_and_later_ones_run_again(change, about, tmp_path: Path) -> None:
    starter = Starter(["sh", "-c", f"touch {shlex.quote(str(tmp_path))}/$QUINCE_LABEL; sleep 60"], about())
    for number in range(MOST_RUNNING):
        starter.start(change(str(number)))
    with pytest.raises(MachineError, match=f"{MOST_RUNNING} of them still run"):
        starter.start(change("one-too-many"))
    until(lambda: len(list(tmp_path.iterdir())) == MOST_RUNNING)
    starter.close()
    until(lambda: not starter._running)
    starter.start(change("after"))
    until((tmp_path / "after").exists)
    starter.close()
    assert not (tmp_path / "one-too-many").exists()


def test_one_that_takes_too_long_is_killed_with_all_it_started_and_that_is_a_line(change, about, capsys, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    starter = Starter(["sh", "-c", f"sleep 61 & echo $! $$ > {shlex.quote(str(pids))}; wait"], about(), limit_s=1)
    starter.start(change())
    until(lambda: not starter._running)
    for pid in pids.read_text().split():
        until(lambda pid=pid: not running(pid))
    until(lambda: True)
    assert capsys.readouterr().err == "prog: --on-change: sh: still ran after 1 s and was killed\n"


def running(pid: str) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.parametrize(("words", "reason"), [("exit 3", "ended with exit code 3"), ("kill -9 $$", "ended by signal 9")])
def test_failure_is_a_line(change, about, capsys, words: str, reason: str) -> None:
    starter = Starter(["sh", "-c", words], about())
    starter.start(change())
    said = ""

    def told() -> str:
        nonlocal said
        said += capsys.readouterr().err
        return said

    until(told)
    assert said == f"prog: --on-change: sh: {reason}\n"


def test_one_that_cannot_be_started_is_an_error_of_this_machine(change, about, tmp_path: Path) -> None:
    script = tmp_path / "gone"
    with pytest.raises(MachineError, match="No such file"):
        Starter([str(script)], about()).start(change())


def test_its_output_does_not_mix_with_results(change, about, capfd: pytest.CaptureFixture[str]) -> None:
    starter = Starter(["echo", "hello"], about())
    starter.start(change())
    until(lambda: not starter._running)
    written = capfd.readouterr()
    assert (written.out, written.err) == ("", "hello banana 0.930\n")


def test_the_end_does_not_wait_for_one_that_will_not_go(change, about, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    starter = Starter(["sh", "-c", f"trap '' TERM; touch {shlex.quote(str(ready))}; while :; do sleep 1; done"], about())
    starter.start(change())
    until(ready.exists)
    began = time.monotonic()
    starter.close()
    assert time.monotonic() - began < 1.5
    until(lambda: not starter._running)
