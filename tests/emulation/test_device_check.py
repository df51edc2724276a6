"""export --device-check: the gate on an emulated processor, and what `verify` makes of its golden scores."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtime.bundle import Bundle
from runtime.device_scores import read_device_scores


@pytest.fixture(scope="module")
def checked(emulation: None, trained: Path, tmp_path_factory: pytest.TempPathFactory, run_cli) -> Path:
    """A bundle exported with the check."""
    path = tmp_path_factory.mktemp("checked") / "bundle"
    limits = ("--max-drop", "0.2", "--min-agreement", "0.8", "--device-check", "aarch64", "--device-pictures", "10")
    done = run_cli("export", "tflite", trained, "-o", path, *limits)
    if "sudo apt install" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert "  on Cortex-A72 (as in a Raspberry Pi 4), bookworm, emulated, 10 pictures:\n" in done.stdout
    assert "    same top-1 as here 1.0000, worst score difference 0\n" in done.stdout
    return path


def test_the_record_and_the_page_have_it(checked: Path, elements: Any) -> None:
    there = json.loads((checked / "parity.json").read_text())["artifacts"]["model.int8.tflite"]["devices"]["aarch64"]
    assert (there["outcome"], there["pictures"], there["agreement"], there["worst_score_error"]) == ("passed", 10, 1.0, 0.0)
    assert "ai-edge-litert" in there["versions"]
    assert "On other processors" in elements((checked / "report.html").read_text()).text


def test_the_golden_scores_of_that_processor_travel_in_the_bundle(checked: Path) -> None:
    (device,) = read_device_scores(checked)
    (artifact,) = Bundle.open(checked).exported()
    assert (device.processor, device.architecture) == ("Cortex-A72", "aarch64")
    samples = {sample["file"]: sample for sample in json.loads((checked / "golden/golden.json").read_text())["samples"]}
    assert device.scores[artifact.sha256] == {file: sample["scores"][artifact.file] for file, sample in samples.items()}


def test_verify_there_tells_the_processors_own_way_from_a_fault(checked: Path, ready: Any, edit: Any) -> None:
    """The workstation's scores are changed in a copy, as if it had another way; then the processor's too."""
    if ready.system.machine != "aarch64":
        pytest.skip("the check was of aarch64")
    there = ready.home / "checked"
    shutil.rmtree(there, ignore_errors=True)
    shutil.copytree(checked, there)
    edit(there / "golden/golden.json", lambda data: data["samples"][0]["scores"]["model.int8.tflite"].reverse())
    done = ready.run("venv/bin/python -m runtime verify checked")
    assert (done.returncode, "differs as this processor does (as Cortex-A72 did" in done.stdout) == (0, True), done.stdout
    first = json.loads((there / "golden/golden.json").read_text())["samples"][0]["file"]
    edit(there / "golden/devices.json", lambda data: next(iter(data["devices"][0]["scores"].values()))[first].reverse())
    done = ready.run("venv/bin/python -m runtime verify checked")
    assert (done.returncode, "DIFFERS at the stage 'model' on 1" in done.stdout) == (3, True), done.stdout


@pytest.fixture
def edit() -> Any:
    def change(path: Path, how: Any) -> None:
        data = json.loads(path.read_text())
        how(data)
        path.write_text(json.dumps(data))

    return change
