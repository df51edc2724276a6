"""Tests that a signal at any moment ends the program, whatever swallows the exception."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import atexit, sys, time
from runtime.cli import signals
from runtime.cli.program import run_program
def ready(word="ready"):
    print(word, flush=True)
    for _ in range(600):  # a signal just before a sleep is handled only after it
        time.sleep(0.1)
class Slow:
    def __del__(self):
        ready()
signals.GRACE_S = 600
def main(arguments):
{work}
    return 0
run_program("prog", main, [])
"""
SWALLOWED = """
    signals.GRACE_S = 0.1
    while True:
        try:
            ready()
        except BaseException:
            pass
"""
RETURNED = """
    try:
        ready()
    except BaseException:
        pass
"""
REPLACED = """
    try:
        ready()
    except BaseException:
        raise ImportError("initialization failed")
"""
DESTRUCTOR = """
    signals.GRACE_S = 0.1
    Slow()
    ready("never")
"""
AT_EXIT = """
    atexit.register(ready)
"""
CLEANUP = """
    try:
        ready()
    finally:
        print("cleaned", flush=True)
"""
SLOW_CLEANUP = """
    try:
        ready()
    finally:
        ready("cleaning")
"""
WAITING = """
    with signals.signals_wait():
        print("ready", flush=True)
        while signals.received_signal() is None:
            time.sleep(0.01)
        print("waited", flush=True)
        {then}
    print("never", flush=True)
"""
SIGNALS = [
    (signal.SIGINT, 130, "prog: interrupted\n"),
    (signal.SIGTERM, 143, ""),
    (signal.SIGHUP, 129, ""),
]


def _start(*command: str, **options: object) -> subprocess.Popen[str]:
    """Starts Python with default signal actions, even if the tests themselves ignore a signal."""
    defaults = {"preexec_fn": _default_signals}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **{**defaults, **options},  # type: ignore[call-overload]
    )


def _default_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{line}\n"


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
@pytest.mark.parametrize(
    "work",
    [SWALLOWED, RETURNED, REPLACED, DESTRUCTOR, AT_EXIT],
    ids=["swallowed", "returned", "replaced", "destructor", "at exit"],
)
def test_signal_ends_the_program_whatever_becomes_of_the_exception(
    work: str, number: int, code: int, line: str
) -> None:
    process = _start("-c", PROGRAM.format(work=work))
    _wait_for(process, "ready")
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, line)


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
def test_program_cleans_up_first(number: int, code: int, line: str) -> None:
    process = _start("-c", PROGRAM.format(work=CLEANUP))
    _wait_for(process, "ready")
    process.send_signal(number)
    assert process.communicate(timeout=30) == ("cleaned\n", line)
    assert process.returncode == code


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
@pytest.mark.parametrize("then", ["pass", "signals.raise_received(); print('never')"])
def test_signal_waits_where_an_exception_would_do_harm(
    then: str, number: int, code: int, line: str
) -> None:
    process = _start("-c", PROGRAM.format(work=WAITING.format(then=then)))
    _wait_for(process, "ready")
    process.send_signal(number)
    assert process.communicate(timeout=30) == ("waited\n", line)
    assert process.returncode == code


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
def test_second_signal_ends_a_cleanup(number: int, code: int, line: str) -> None:
    process = _start("-c", PROGRAM.format(work=SLOW_CLEANUP))
    for words in ("ready", "cleaning"):
        _wait_for(process, words)
        process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, line)


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
@pytest.mark.parametrize("package", ["runtime", "train", "export", "benchmarks"])
def test_signal_during_the_imports_ends_the_program(
    tmp_path: Path, package: str, number: int, code: int, line: str
) -> None:
    """Here an import swallows every exception, as C extensions may do."""
    (tmp_path / "numpy.py").write_text(
        "import time\n"
        "while True:\n"
        "    try:\n"
        "        print('importing', flush=True)\n"
        "        for _ in range(600):\n"
        "            time.sleep(0.1)\n"
        "    except BaseException:\n"
        "        pass\n"
    )
    words = {"runtime": ["info", "x"], "benchmarks": ["latency", "x"]}.get(package, ["x"])
    code_line = (
        f"import sys, runpy; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}];"
        f" sys.argv[1:] = {words!r};"
        f" runpy.run_module({package!r}, run_name='__main__', alter_sys=True)"
    )
    process = _start("-c", code_line)
    _wait_for(process, "importing")
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, line.replace("prog", f"python -m {package}"))


def test_hangup_stays_ignored_under_nohup() -> None:
    process = _start(
        "-c",
        PROGRAM.format(work="    print('ready', flush=True)\n    print(sys.stdin.readline())"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        stdin=subprocess.PIPE,
    )
    _wait_for(process, "ready")
    process.send_signal(signal.SIGHUP)
    out, errors = process.communicate("read\n", timeout=30)
    assert (process.returncode, out.strip(), errors) == (0, "read", "")


def test_interrupted_line_reaches_the_terminal_while_libraries_are_silenced() -> None:
    work = "    from runtime.system.terminal import quiet\n    with quiet():\n        ready()"
    environment = {name: value for name, value in os.environ.items() if name != "QUINCE_DEBUG"}
    process = _start("-c", PROGRAM.format(work=work), env=environment)
    _wait_for(process, "ready")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "prog: interrupted\n")


@pytest.mark.parametrize("package", ["runtime", "train", "export", "benchmarks"])
def test_ctrl_c_before_the_handlers_are_there_prints_no_traceback(
    package: str, tmp_path: Path
) -> None:
    """The import of `runtime.cli`, which is the first of all, sends the signal."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'runtime.cli':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", package, "--version"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
