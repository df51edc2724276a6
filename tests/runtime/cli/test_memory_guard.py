"""Tests that under a memory limit a command works or ends with one line and exit code 4 (R24)."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.cli.memory_guard import require_memory
from runtime.errors import MachineError
from runtime.system import memory

ROOT = Path(__file__).parents[3]
MIB = 2**20
ABORTING = """
import os, signal, sys
from runtime.cli.program import run_program
def main(arguments):
    os.write(2, b"libc++abi: terminating\\n")
    os.kill(os.getpid(), getattr(signal, arguments[0]))
    return 0
run_program("program", main, sys.argv[1:], "runtime")
"""


def limited(words: list[str], mib: int, kind: int = resource.RLIMIT_AS):
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(kind, (mib * MIB, mib * MIB)),
    )


@pytest.mark.parametrize("mib", [60, 80, 100, 150])
@pytest.mark.parametrize(
    "words",
    [
        ["train", "check", "x"],
        ["train", "x"],
        ["export", "tflite", "x"],
        ["runtime", "predict", "x", "y"],
        ["benchmarks", "latency", "x"],
        ["runtime", "doctor", "--help"],
    ],
    ids=" ".join,
)
def test_too_low_a_limit_is_one_line_with_both_figures(words: list[str], mib: int) -> None:
    done = limited(["-m", *words], mib)
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert "memory: needs at least" in line
    assert "ulimit -v leaves " in line


@pytest.mark.parametrize(
    ("words", "mib"),
    [
        (["-m", "train", "check", "x", "--json"], 100),
        (["-m", "train", "check", "x", "--report", "--json"], 3000),
        (["-m", "export", "all", "x", "--json"], 300),
        (["-m", "runtime", "info", "x", "--json"], 60),
        (["-c", ABORTING, "SIGSEGV", "--json"], 400),
    ],
    ids=["check", "check --report", "export", "info", "crash"],
)
def test_a_refusal_for_memory_is_one_object_for_a_program_that_reads_json(
    words: list[str], mib: int
) -> None:
    done = limited(words, mib)
    (line,) = done.stdout.splitlines()
    error = json.loads(line)["error"]
    assert (done.returncode, error["exit_code"], error["thing"]) == (4, 4, "memory")
    assert done.stderr.endswith(f": memory: {error['reason']}\n")


@pytest.mark.parametrize("mib", [300, 1500, 3000])
def test_training_needs_more_than_a_crash_does(mib: int, tmp_path: Path) -> None:
    """At 300 MB `check` waited for ever, at 1.5 GB `train` aborted, at 2.5 GB it crashed."""
    for words in (["train", "x"], ["export", "onnx", "x"]):
        done = limited(["-m", *words], mib)
        assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done.stderr


def test_predict_works_under_a_limit(bundle: Path, photo: Path) -> None:
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        done = limited(["-m", "runtime", "predict", str(bundle), str(photo)], 400, kind)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGKILL"])
def test_a_command_that_dies_of_the_limit_ends_with_one_line(name: str) -> None:
    done = limited(["-c", ABORTING, name], 400)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"program: memory: too little for this input: it ended with {name}")


def end_by_signal(number: int, before: str = "") -> int:
    """Returns the exit code of a program at work under a limit that gets a signal."""
    code = (
        "import signal, time\nfrom runtime.cli.program import run_program\n"
        f"def main(arguments):\n    {before}\n    print('ready', flush=True)\n"
        "    for _ in range(600):  # a signal just before a sleep is handled only after it\n"
        "        time.sleep(0.1)\n"
        "run_program('program', main, [], 'runtime')"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 * MIB, 400 * MIB)),
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        program.send_signal(number)
        return program.wait(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_child(number: int) -> None:
    assert end_by_signal(number) == 128 + number


def test_a_child_that_ignores_a_signal_is_killed() -> None:
    ignoring = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    assert end_by_signal(signal.SIGTERM, ignoring) == 128 + signal.SIGTERM


def test_a_cgroup_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text(f"{100 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{80 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"inactive_file {5 * MIB}\nactive_file {MIB}\n")
    (limit,) = memory.memory_left(tmp_path)
    assert (limit.left_bytes, limit.counts_resident) == (26 * MIB, True)
    monkeypatch.setattr("runtime.cli.memory_guard.memory_left", lambda: [limit])
    with pytest.raises(MachineError, match=r"needs at least 35 MB, and .*cgroup leaves 26 MB"):
        require_memory("runtime", ["predict"])
