"""Work in a process of its own: how it ends, whoever ends it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CODE = """
import os, sys, time
from runtime.errors import CheckFailed
from train.guard import run_guarded
def main(arguments):
    print("work", os.getpid(), flush=True)
    {work}
    return 0
sys.exit(run_guarded("prog", main, "another worker ended"))
"""
SLEEP = "time.sleep(60)"


def _start(work: str, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if name != "QUINCE_DEBUG"} | environment
    command = [sys.executable, "-c", CODE.format(work=work)]
    return subprocess.Popen(command, cwd=ROOT, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _worker(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int(process.stdout.readline().split()[1])


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("pass", 0, ""),
        ("raise CheckFailed('training', 'diverged')", 3, "prog: training: diverged\n"),
        ("os.abort()", 4, "prog: another worker ended\n"),
        ("os.write(1, b'noise'); os.write(2, b'noise'); os.abort()", 4, "prog: another worker ended\n"),
        ("os.kill(os.getpid(), 9)", 4, "prog: the work was ended by SIGKILL; was memory short?\n"),
        ("import atexit; atexit.register(time.sleep, 60)", 0, ""),
        ("sys.exit(2)", 2, ""),
    ],
)
def test_its_exit_code_is_that_of_the_work(work: str, code: int, said: str) -> None:
    process = _start(work)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, said)
    assert out.splitlines() == [out.strip()], "what C++ wrote is not seen"


def test_bug_shows_its_traceback() -> None:
    process = _start("1 / 0")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_what_libraries_write_is_seen_when_it_is_asked_for() -> None:
    _, err = _start("os.write(2, b'noise')", QUINCE_DEBUG="1").communicate(timeout=30)
    assert "noise" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_reaches_the_work_once(number: signal.Signals, code: int) -> None:
    process = _start(SLEEP)
    worker = _worker(process)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert not _alive(worker)


def test_ctrl_c_of_a_terminal_reaches_the_work_once() -> None:
    """It goes to the whole process group."""
    count = "import signal; n = []; signal.signal(signal.SIGINT, lambda *_: n.append(1))\n    while not n: time.sleep(0.1)\n"
    count += "    time.sleep(1); print(len(n), flush=True)"
    command = [sys.executable, "-c", CODE.format(work=count)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    _worker(process)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert out == "1\n"


def test_work_ends_when_whoever_waits_for_it_is_killed() -> None:
    process = _start(SLEEP)
    worker = _worker(process)
    process.kill()
    process.communicate(timeout=30)
    for _ in range(100):
        if not _alive(worker):
            return
        time.sleep(0.1)
    raise AssertionError("the work goes on")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] != "Z"
