"""What a Raspberry Pi's owner does, on an emulated one: the documents' commands, then every command that runs there."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime import Classifier

ROOT = Path(__file__).parents[2]
FILES = ("model.fp32.onnx", "model.fp32.tflite", "model.int8.onnx", "model.int8.tflite")
CPU_FILES = "sys/devices/system/cpu"
PYTHON = "venv/bin/python"


def files_there(pi: Any) -> list[str]:
    return [file for file in FILES if pi.system.machine != "armv7l" or file.endswith("tflite")]


def test_the_documents_say_the_same(commands_of: Callable[[str, str], list[str]]) -> None:
    readme = commands_of("README.md", "On the Raspberry Pi")
    page = [line for line in commands_of("docs/raspberry-pi.md", "Install") if line.startswith(("python3", "venv"))]
    assert len(page) >= 4
    assert [line for line in page if line not in readme] == []


def test_nothing_of_the_workstation_is_needed(ready: Any) -> None:
    code = "import sys, runtime; from runtime import Classifier; Classifier('fruit'); print(*sorted(sys.modules))"
    loaded = {name.split(".")[0] for name in ready.must(f'{PYTHON} -c "{code}"').split()}
    assert "numpy" in loaded
    assert not loaded & {"tensorflow", "keras", "train", "export", "jax", "torch"}
    missing = ready.run(f"{PYTHON} -c 'import tensorflow'")
    assert "No module named 'tensorflow'" in missing.stderr
    there = ready.run("venv/bin/quince train pictures")
    assert there.returncode == 4
    assert there.stderr == "quince train: the package train was not copied to this machine; it runs on the workstation\n"


def test_a_photo_gets_the_label_and_scores_of_the_workstation(ready: Any, fruit: Path, workstation: Path) -> None:
    for file in files_there(ready):
        there = json.loads(ready.must(f"{PYTHON} -m runtime predict fruit --artifact {file} photo.jpg --json"))
        here = Classifier(fruit, artifact=file).classify(workstation / "photo.jpg")
        assert there["predictions"][0]["label"] == here[0].label, file
        if ready.system.machine == "aarch64":
            assert there["predictions"][0]["score"] == pytest.approx(here[0].score, abs=1e-4), file


def test_verify_says_as_exported(ready: Any) -> None:
    done = ready.run(f"{PYTHON} -m runtime verify fruit --json")
    found = {record["artifact"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert list(found) == files_there(ready)
    if ready.system.machine == "armv7l":  # tflite-runtime's kernels, not LiteRT's: docs/parity.md
        assert found["model.fp32.tflite"]["state"] == "as exported"
        assert found["model.int8.tflite"]["same_top1"] >= 0.9
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert {record["state"] for record in found.values()} == {"as exported"}
    assert {record["same_top1"] for record in found.values()} == {1.0}
    assert found["model.int8.tflite"]["worst_score_difference"] == 0
    assert "not there, so interpreters guess" not in done.stderr


def test_a_processor_that_cannot_be_seen_is_said(ready: Any, tmp_path: Path) -> None:
    shutil.copytree(ready.machine, tmp_path / "hidden")
    for name in ("possible", "present"):
        (tmp_path / "hidden" / CPU_FILES / name).unlink()
    done = ready.run(f"{PYTHON} -m runtime verify fruit --artifact model.fp32.tflite", machine=tmp_path / "hidden")
    assert "/sys/devices/system/cpu/possible: not there, so interpreters guess" in done.stderr
    doctor = ready.run(f"{PYTHON} -m runtime doctor fruit", machine=tmp_path / "hidden")
    assert re.search(r"(warning|problem) +.*/sys/devices/system/cpu/possible", doctor.stdout)


def test_doctor_knows_the_machine(ready: Any) -> None:
    told = ready.must(f"{PYTHON} -m runtime doctor fruit")
    assert ready.processor.name.title() in told
    assert f"Python: CPython {ready.system.python}" in told
    works = "ai-edge-litert|LiteRT" if ready.system.machine == "aarch64" else "tflite-runtime"
    assert re.search(rf"{'ok' if ready.system.machine == 'aarch64' else ''} +interpreter: .*({works})", told), told
    assert told.endswith("fruit can run here\n")


def test_latency_is_measured_with_its_conditions(ready: Any) -> None:
    ready.must(
        f"{PYTHON} -m benchmarks latency fruit --artifact model.int8.tflite --iterations 20 --warmup 2 --json latency.json --overwrite"
    )
    text = (ready.home / "latency.json").read_text()
    assert ready.processor.name.title() in text
    assert "Raspberry Pi" not in text, "nothing that is emulated is called a Pi"
