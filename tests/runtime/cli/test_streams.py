"""Tests `python -m runtime` with closed pipes, full disks, bare environments and signals."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUFFERED = {"PYTHONUNBUFFERED": ""}
INT8, FP32 = "model.int8.tflite", "model.fp32.onnx"


def shell(line: str, *arguments: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a line of bash, in which $RUN is `python -m runtime`."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RUN": f"{sys.executable} -m runtime",
        **BUFFERED,
        **variables,
    }
    return subprocess.run(
        ["bash", "-c", line, "bash", *arguments], capture_output=True, env=environment, timeout=60
    )


@pytest.mark.parametrize(
    "command", ["predict $1 $2 $2 $2 $2", "verify $1", "--help", "predict --help"]
)
def test_closed_pipe_ends_it_quietly(exported: Path, photo: Path, command: str) -> None:
    done = shell(
        f"$RUN {command} | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}", exported, photo
    )
    assert done.stderr == b""
    assert int(done.stdout) in (0, 141)


@pytest.mark.parametrize(
    "command", ["predict $1 $2", "predict $1 $2 --json", "verify $1", "--help"]
)
def test_full_disk_behind_stdout_is_exit_4_and_one_line(
    exported: Path, photo: Path, command: str
) -> None:
    done = shell(f"$RUN {command} > /dev/full", exported, photo)
    assert (done.returncode, done.stderr) == (
        4,
        b"python -m runtime: standard output: No space left on device\n",
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words",
    [
        "-m train --help",
        "-m export tflite --help",
        "-m runtime predict --help",
        "-m benchmarks --version",
        "-m runtime.cli.console_script --help",
    ],
)
def test_full_help_is_exit_4(words: str, unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            cwd=ROOT,
        )
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert "standard output: No space left on device" in line


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_nothing_else(
    exported: Path, photo: Path, closed: str
) -> None:
    done = shell(f"$RUN predict $1 $2 {closed}", exported, photo)
    assert (done.returncode, done.stderr) == (0, b"")
    assert bool(done.stdout) == (">&-" not in closed.replace("2>&-", ""))
    refused = shell(f"$RUN predict $1 missing.jpg {closed}", exported)
    assert refused.returncode == 2
    assert refused.stdout == b""


def test_bare_environment_and_ascii_terminal_work(
    exported: Path, photo: Path, tmp_path: Path
) -> None:
    name = "caf\u00e9 猫.png"
    shutil.copy(photo, tmp_path / name)
    for variables in (
        {},
        {"LANG": "C", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ):
        done = subprocess.run(
            [sys.executable, "-m", "runtime", "predict", exported, tmp_path / name],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"\n") == 1


@pytest.fixture(scope="module")
def many_photos(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for index in range(5000):
        (folder / f"{index}.png").symlink_to(photo)
    return folder


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGINT, 130, b"python -m runtime: interrupted\n"),
        (signal.SIGTERM, 143, b""),
        (signal.SIGHUP, 129, b""),
    ],
)
@pytest.mark.parametrize("file", [INT8, FP32])
def test_signal_in_the_middle_ends_it_with_a_whole_last_line(
    exported: Path, many_photos: Path, file: str, number: int, code: int, line: bytes
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "runtime", "predict", exported / file, many_photos],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: (
            signal.signal(signal.SIGINT, signal.default_int_handler),
            signal.signal(signal.SIGHUP, signal.SIG_DFL),
        ),
    )
    assert running.stdout is not None
    assert running.stdout.readline()
    running.send_signal(number)
    out, errors = running.communicate(timeout=10)
    assert (running.returncode, errors) == (code, line)
    assert out.count(b"\n") < 4999, "it was to be stopped in the middle"
    assert out == b"" or out.endswith(b"\n")
