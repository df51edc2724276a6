"""Tests that a machine with little memory or a read-only disk works, or gets one line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MakeBundle = Callable[..., Path]
SIZE = """
import runtime.shared.prediction_output, runtime.classifier
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize:")))
"""
"""KB of addresses that a process has before it loads an interpreter."""
VERBS = (
    "predict {bundle} {image}",
    "predict {bundle} {image} {image}",
    "verify {bundle}",
    "info {bundle}",
    "doctor {bundle}",
)


def run(line: str, before: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OPENBLAS_NUM_THREADS": "1"}
    command = f"{before} exec {sys.executable} -m runtime {line}"
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=120
    )


@pytest.fixture
def words(make_bundle: MakeBundle) -> dict[str, Path]:
    bundle = make_bundle("fruit")
    return {"bundle": bundle, "image": bundle / "golden/00.png"}


@pytest.mark.parametrize("verb", VERBS)
def test_256_mb_of_addresses_are_enough(words: dict[str, Path], verb: str) -> None:
    done = run(verb.format(**words), f"ulimit -v {256 * 1024};")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", VERBS[:4])
@pytest.mark.parametrize("limit_mb", [130, 150, 170, 190])
def test_less_works_or_is_one_line_and_exit_4(
    words: dict[str, Path], verb: str, limit_mb: int
) -> None:
    done = run(verb.format(**words), f"ulimit -v {limit_mb * 1024};")
    assert done.returncode in (0, 4), done.stderr
    assert len(done.stderr.splitlines()) == (
        1 if done.returncode else done.stderr.count("not checked")
    )
    assert "None" not in done.stderr


def test_too_few_addresses_for_an_interpreter_are_reported_before_it_is_imported(
    words: dict[str, Path],
) -> None:
    """ONNX Runtime ends the process without a message if only its libraries fit."""
    own = subprocess.run(
        [sys.executable, "-c", SIZE],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    done = run(VERBS[0].format(**words), f"ulimit -v {int(own.stdout) + 40 * 1024};")
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done.stderr
    assert " MB, and ulimit -v leaves " in done.stderr


def test_commands_that_only_read_write_nothing(words: dict[str, Path], tmp_path: Path) -> None:
    """unshare and mount make the folder a read-only file system, if this user may."""
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    read_only = (
        f"mount --bind {tmp_path} {tmp_path} && mount -o remount,ro,bind {tmp_path}"
        f" && cd {tmp_path} &&"
    )
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode
    ):
        pytest.skip("this user may not make a mount namespace")
    for verb in VERBS:
        command = (
            f"{read_only} env -i HOME=/nonexistent PYTHONPATH={os.getcwd()}"
            f" {sys.executable} -m runtime {verb.format(**words)}"
        )
        done = subprocess.run(
            ["unshare", "-m", "bash", "-c", command], capture_output=True, text=True, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, ""), verb
    command = f"{read_only} {sys.executable} -m runtime install {words['bundle']} {tmp_path}/place"
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done.stderr
    assert "Read-only file system" in done.stderr
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before
