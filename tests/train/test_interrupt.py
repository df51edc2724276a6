"""Ctrl-C while the main thread sits in C code that no signal reaches."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WORK = """
import sys, time
from runtime import cli
from train.interrupt import ends_soon
def main(arguments):
    with ends_soon("prog", "go on so"):
        print("ready", flush=True)
        {work}
    return 0
cli.run("prog", main, [])
"""
SLEEP = "time.sleep(60)"
DEAF = """
        while True:
            try:
                time.sleep(60)
            except (KeyboardInterrupt, SystemExit):
                pass
"""
SLOW_TO_LEAVE = """
        try:
            time.sleep(60)
        finally:
            for _ in range(600):
                time.sleep(0.1)
"""


def _start(work: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(work=work)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("work", [SLEEP, DEAF, SLOW_TO_LEAVE], ids=["at once", "deaf", "slow to leave"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_within_two_seconds_in_one_line(work: str, number: signal.Signals, code: int) -> None:
    process = _start(work)
    start = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 2.5, "2 s, and a busy machine"
    assert process.returncode == code
    assert err == ("prog: interrupted; go on so\n" if number == signal.SIGINT else "")


@pytest.mark.parametrize("work", [DEAF, SLOW_TO_LEAVE], ids=["deaf", "slow to leave"])
def test_second_one_ends_it_at_once(work: str) -> None:
    process = _start(work)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 0.7
    assert process.returncode == 130
    assert err == "prog: interrupted; go on so\n"


def test_work_that_is_done_leaves_signals_as_they_were() -> None:
    code = WORK.format(work="pass").replace("cli.run", "main([]); print('done', flush=True); time.sleep(60); cli.run")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "done\n"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    assert "go on so" not in err
