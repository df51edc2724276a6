"""Tests Ctrl-C while the main thread runs C code that no signal reaches."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from train.commands.interrupts import GRACE_S

ROOT = Path(__file__).parents[3]
WORK = """
import sys, time
from runtime.cli import signals
from runtime.cli.program import run_program
from train.commands import interrupts
from train.commands.interrupts import ends_soon
def report(word):
    print(word, flush=True)
    for _ in range(600):  # a signal just before a sleep is handled only after it
        time.sleep(0.1)
signals.GRACE_S = 600
def main(arguments):
    interrupts.GRACE_S = {grace_s}
    with ends_soon("prog", "go on so"):
{work}
    return 0
run_program("prog", main, [])
"""
SLEEP = """
        report("ready")
"""
DEAF = """
        word = "ready"
        while True:
            try:
                report(word)
            except (KeyboardInterrupt, SystemExit):
                word = "signal"
"""
SLOW_TO_LEAVE = """
        try:
            report("ready")
        finally:
            report("signal")
"""


def _start(work: str, grace_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(work=work, grace_s=grace_s)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("work", "grace_s"),
    [(SLEEP, 600), (DEAF, 0.1), (SLOW_TO_LEAVE, 0.1)],
    ids=["at once", "deaf", "slow to leave"],
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_at_the_latest_after_the_grace_period_in_one_line(
    work: str, grace_s: float, number: signal.Signals, code: int
) -> None:
    process = _start(work, grace_s)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert GRACE_S < 2, "in the program itself"
    assert process.returncode == code
    assert err == ("prog: interrupted; go on so\n" if number == signal.SIGINT else "")


@pytest.mark.parametrize("work", [DEAF, SLOW_TO_LEAVE], ids=["deaf", "slow to leave"])
def test_second_signal_ends_it_without_the_grace_period(work: str) -> None:
    process = _start(work, 600)
    process.send_signal(signal.SIGINT)
    assert process.stdout
    assert process.stdout.readline() == "signal\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "prog: interrupted; go on so\n"


def test_work_that_is_done_leaves_signals_as_they_were() -> None:
    code = WORK.format(work="        print('ready', flush=True)", grace_s=600).replace(
        'run_program("prog"', "main([]); print('done', flush=True); time.sleep(60); run_program(''"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "done\n"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    assert "go on so" not in err
