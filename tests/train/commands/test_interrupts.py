"""Tests Ctrl-C while the main thread runs C code that no signal reaches."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
def main(arguments):
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
NO_GRACE = """
        interrupts.GRACE_S = signals.GRACE_S = 600
"""


def _start(work: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(work=work)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    "work", [SLEEP, DEAF, SLOW_TO_LEAVE], ids=["at once", "deaf", "slow to leave"]
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_within_two_seconds_in_one_line(
    work: str, number: signal.Signals, code: int
) -> None:
    process = _start(work)
    start = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 2.5, "2 s, and a busy machine"
    assert process.returncode == code
    assert err == ("prog: interrupted; go on so\n" if number == signal.SIGINT else "")


@pytest.mark.parametrize("work", [DEAF, SLOW_TO_LEAVE], ids=["deaf", "slow to leave"])
def test_second_signal_ends_it_without_the_grace_period(work: str) -> None:
    process = _start(NO_GRACE + work)
    process.send_signal(signal.SIGINT)
    assert process.stdout
    assert process.stdout.readline() == "signal\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "prog: interrupted; go on so\n"


def test_work_that_is_done_leaves_signals_as_they_were() -> None:
    code = WORK.format(work="        print('ready', flush=True)").replace(
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
