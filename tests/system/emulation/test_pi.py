"""Runs the documents' commands on an emulated Raspberry Pi, then every command of the device."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime import Classifier

ROOT = Path(__file__).parents[3]
FILES = ("model.fp32.onnx", "model.fp32.tflite", "model.int8.onnx", "model.int8.tflite")
CPU_FILES = "sys/devices/system/cpu"
PYTHON = "venv/bin/python"


def artifacts_on(pi: Any) -> list[str]:
    return [file for file in FILES if pi.system.machine != "armv7l" or file.endswith("tflite")]


def test_readme_and_page_have_the_same_commands(
    commands_of: Callable[[str, str], list[str]],
) -> None:
    readme = commands_of("README.md", "On the Raspberry Pi")
    page = [
        line
        for line in commands_of("docs/raspberry-pi.md", "Install")
        if line.startswith(("python3", "venv/bin/pip"))
    ]
    assert len(page) >= 2
    assert [line for line in page if line not in readme] == []


def test_device_needs_nothing_of_the_workstation(ready: Any) -> None:
    code = (
        "import sys; from runtime import Classifier; Classifier('fruit'); "
        "print(*sorted(sys.modules))"
    )
    loaded = {name.split(".")[0] for name in ready.must(f'{PYTHON} -c "{code}"').split()}
    assert "numpy" in loaded
    assert not loaded & {"tensorflow", "keras", "train", "export", "torch"}
    missing = ready.run(f"{PYTHON} -c 'import tensorflow'")
    assert "No module named 'tensorflow'" in missing.stderr
    train = ready.run("venv/bin/quince train images")
    assert train.returncode == 4
    assert train.stderr == (
        "quince train: the package train is not on this machine; it runs on the workstation\n"
    )


def test_photo_gets_the_label_and_score_of_the_workstation(
    ready: Any, fruit: Path, workstation: Path
) -> None:
    for file in artifacts_on(ready):
        printed = ready.must(
            f"{PYTHON} -m runtime predict fruit --artifact {file} photo.jpg --json"
        )
        on_device = json.loads(printed)["predictions"][0]
        expected = Classifier(fruit, artifact=file).classify(workstation / "photo.jpg")[0]
        assert on_device["label"] == expected.label, file
        if ready.system.machine == "aarch64":
            assert on_device["score"] == pytest.approx(expected.score, abs=1e-4), file


def test_verify_reports_as_exported(ready: Any) -> None:
    done = ready.run(f"{PYTHON} -m runtime verify fruit --json")
    records = {record["artifact"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert list(records) == artifacts_on(ready)
    if ready.system.machine == "armv7l":  # tflite-runtime's kernels, not LiteRT's: docs/parity.md
        assert records["model.fp32.tflite"]["outcome"] == "as exported"
        assert records["model.int8.tflite"]["same_top1"] >= 0.9
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert {record["outcome"] for record in records.values()} == {"as exported"}
    assert {record["same_top1"] for record in records.values()} == {1.0}
    # Its last Dense and its softmax are float, which processors round differently.
    assert records["model.int8.tflite"]["worst_score_difference"] < 1e-4
    assert "not found, so interpreters guess" not in done.stderr


def test_hidden_processor_is_reported(ready: Any, tmp_path: Path) -> None:
    shutil.copytree(ready.machine, tmp_path / "hidden")
    for name in ("possible", "present"):
        (tmp_path / "hidden" / CPU_FILES / name).unlink()
    done = ready.run(
        f"{PYTHON} -m runtime verify fruit --artifact model.fp32.tflite",
        machine=tmp_path / "hidden",
    )
    assert "/sys/devices/system/cpu/possible: not found, so interpreters guess" in done.stderr
    doctor = ready.run(f"{PYTHON} -m runtime doctor fruit", machine=tmp_path / "hidden")
    assert re.search(r"(warning|problem) +.*/sys/devices/system/cpu/possible", doctor.stdout)


def test_doctor_describes_the_machine(ready: Any) -> None:
    diagnosis = ready.must(f"{PYTHON} -m runtime doctor fruit")
    assert ready.processor.name.title() in diagnosis
    assert f"Python: CPython {ready.system.python}" in diagnosis
    interpreter = "ok +interpreter: .*(ai-edge-litert|LiteRT)"
    if ready.system.machine != "aarch64":
        interpreter = " +interpreter: .*tflite-runtime"
    assert re.search(interpreter, diagnosis), diagnosis
    assert diagnosis.endswith("fruit can run here\n")


def test_latency_is_measured_with_its_conditions(ready: Any) -> None:
    ready.must(
        f"{PYTHON} -m benchmarks latency fruit --artifact model.int8.tflite --iterations 20 "
        "--warmup 2 -o latency.json --overwrite"
    )
    text = (ready.home / "latency.json").read_text()
    assert ready.processor.name.title() in text
    assert "Raspberry Pi" not in text, "an emulated device is not called a Pi"
