"""Work in a child process, and every way in which it or its parent may end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = """
import os, sys, time
from runtime.errors import CheckFailed
from train.distribution.supervisor import run_supervised
def main(arguments):
    print("work", os.getpid(), flush=True)
    {work}
    return 0
sys.exit(run_supervised("prog", main, "another worker ended"))
"""
SLEEP = "time.sleep(60)"


def _start(work: str, **environment: str) -> subprocess.Popen[str]:
    clean = {
        name: value for name, value in os.environ.items() if name != "QUINCE_DEBUG"
    } | environment
    command = [sys.executable, "-c", CODE.format(work=work)]
    return subprocess.Popen(
        command, cwd=ROOT, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _child_id(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int(process.stdout.readline().split()[1])


@pytest.mark.parametrize(
    ("work", "code", "message"),
    [
        ("pass", 0, ""),
        ("raise CheckFailed('training', 'diverged')", 3, "prog: training: diverged\n"),
        ("os.abort()", 4, "prog: another worker ended\n"),
        (
            "os.write(1, b'noise'); os.write(2, b'noise'); os.abort()",
            4,
            "prog: another worker ended\n",
        ),
        ("os.kill(os.getpid(), 9)", 4, "prog: SIGKILL ended the work; memory may have run out\n"),
        ("import atexit; atexit.register(time.sleep, 60)", 0, ""),
        ("sys.exit(2)", 2, ""),
    ],
)
def test_its_exit_code_is_that_of_the_work(work: str, code: int, message: str) -> None:
    process = _start(work)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, message)
    assert out.splitlines() == [out.strip()], "what C++ writes is hidden"


def test_bug_shows_its_traceback() -> None:
    process = _start("1 / 0")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_debug_shows_what_libraries_write() -> None:
    _, err = _start("os.write(2, b'noise')", QUINCE_DEBUG="1").communicate(timeout=30)
    assert "noise" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_reaches_the_work_once(number: signal.Signals, code: int) -> None:
    process = _start(SLEEP)
    worker = _child_id(process)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert not _alive(worker)


def test_ctrl_c_of_a_terminal_reaches_the_work_once() -> None:
    """A terminal sends it to the whole process group."""
    count = (
        "import signal; n = []; signal.signal(signal.SIGINT, lambda *_: n.append(1));"
        " print('ready', flush=True)\n"
        "    while not n: time.sleep(0.1)\n"
        "    time.sleep(1); print(len(n), flush=True)"
    )
    command = [sys.executable, "-c", CODE.format(work=count)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    _child_id(process)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert out == "1\n"


def test_work_ends_when_its_parent_is_killed() -> None:
    process = _start(SLEEP)
    worker = _child_id(process)
    process.kill()
    process.communicate(timeout=30)
    for _ in range(100):
        if not _alive(worker):
            return
        time.sleep(0.1)
    raise AssertionError("the work continues")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] != "Z"
