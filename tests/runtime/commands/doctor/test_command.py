"""Tests `python -m runtime doctor`: exit codes, text and JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.cli.output import JSON_SCHEMA

MakeRoot = Callable[..., Path]
MakeBundle = Callable[..., Path]


def test_bundle_that_runs_is_exit_0_and_every_finding_is_a_line(
    run_cli, make_bundle: MakeBundle, pi_root: MakeRoot
) -> None:
    bundle = make_bundle("fruit")
    done = run_cli("runtime", "doctor", bundle, "--sysfs-root", pi_root(throttled="0x50005"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{bundle} can run here"
    assert "ok      machine: Raspberry Pi 4 Model B Rev 1.4, Cortex-A72" in lines[0]
    assert any(line.startswith("ok      model: small.onnx runs here") for line in lines)
    throttling = next(
        index
        for index, line in enumerate(lines)
        if line.startswith("warning throttling: now: under-voltage, throttled")
    )
    assert lines[throttling + 1].startswith("        -> use the power supply")


def test_json_is_one_object_with_machine_findings_and_verdict(run_cli, pi_root: MakeRoot) -> None:
    done = run_cli("runtime", "doctor", "--json", "--sysfs-root", pi_root())
    assert (done.returncode, done.stderr) == (0, "")
    diagnosis = json.loads(done.stdout)
    assert (diagnosis["schema"], diagnosis["can_run"], diagnosis["machine"]["board"]) == (
        JSON_SCHEMA,
        True,
        "Raspberry Pi 4 Model B Rev 1.4",
    )
    assert {"topic", "level", "found", "do"} == set(diagnosis["findings"][0])


def test_without_an_interpreter_it_is_exit_4_with_the_pip_command(
    run_cli, bare_python, make_bundle: MakeBundle
) -> None:
    """FAULTS R6 and R7: only numpy and Pillow are installed."""
    python = bare_python("numpy", "pillow")
    for words in ([], [make_bundle("fruit")]):
        done = run_cli("runtime", "doctor", *words, python=python)
        assert (done.returncode, done.stderr) == (4, "")
        assert "none works here" in done.stdout
        assert "pip install onnxruntime" in done.stdout
        assert done.stdout.splitlines()[-1].endswith("CANNOT run here")


def test_wrong_interpreter_for_the_file_is_exit_4(
    run_cli, bare_python, make_bundle: MakeBundle
) -> None:
    done = run_cli(
        "runtime",
        "doctor",
        make_bundle("fruit"),
        python=bare_python("numpy", "pillow", "ai-edge-litert"),
    )
    assert done.returncode == 4
    assert "ai-edge-litert" in done.stdout
    problem = "problem model: small.onnx needs the package 'onnxruntime'"
    assert f"{problem}\n        -> pip install onnxruntime" in done.stdout


def test_missing_model_is_exit_2(run_cli, refuses, tmp_path: Path) -> None:
    refuses(run_cli("runtime", "doctor", tmp_path / "nothing"), 2, "no such file")
    refuses(run_cli("runtime", "doctor", tmp_path), 2, "manifest.json")


@pytest.mark.parametrize(
    "line",
    [
        "doctor | head -c 1 > /dev/null; echo ${PIPESTATUS[0]}",
        "doctor <&- >&-; echo $?",
        "doctor --json 2>&-; echo $?",
    ],
)
def test_closed_streams_change_nothing_else(line: str) -> None:
    environment = {
        "PYTHONPATH": os.getcwd(),
        "LC_ALL": "POSIX",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
    }
    command = f"{sys.executable} -m runtime {line}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, env=environment, timeout=120, text=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", "141")


def test_full_disk_behind_stdout_is_exit_4() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m runtime doctor > /dev/full"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (
        4,
        "python -m runtime: standard output: No space left on device\n",
    )
