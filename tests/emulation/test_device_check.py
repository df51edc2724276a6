"""export --device-check: the gate on an emulated processor, and what `verify` makes of its golden scores."""

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from export.emulated.check import device_scores
from export.emulated.devices import DEVICES
from runtime.bundle import Bundle
from runtime.bundle_records import KEY, records_digest
from runtime.cache_folder import default_cache
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
    there = json.loads((checked / "parity.json").read_text())["artifacts"]["model.int8.tflite"]["devices"]["cortex-a72"]
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
    edit(there / "manifest.json", lambda data: data["provenance"].update({KEY: records_digest(there)}))
    done = ready.run("venv/bin/python -m runtime verify checked")
    assert (done.returncode, "differs as this processor does (as Cortex-A72 did" in done.stdout) == (0, True), done.stdout
    first = json.loads((there / "golden/golden.json").read_text())["samples"][0]["file"]
    edit(there / "golden/devices.json", lambda data: next(iter(data["devices"][0]["scores"].values()))[first].reverse())
    done = ready.run("venv/bin/python -m runtime verify checked")
    assert (done.returncode, "DIFFERS at the stage 'model' on 1" in done.stdout) == (3, True), done.stdout


def test_packages_of_the_user_and_odd_paths_do_not_matter(checked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "a:b, ü" / "quince"
    cache.parent.mkdir()
    cache.symlink_to(default_cache().absolute())
    home = tmp_path / "home/.local/lib/python3.11/site-packages"
    home.mkdir(parents=True)
    (home / "hello.pth").write_text("import sys; print('hello')")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    pictures = sorted((checked / "golden").glob("0*.*"))[:1]
    assert device_scores(DEVICES["cortex-a72"], [checked / "model.int8.tflite"], pictures)["model.int8.tflite"].shape[0] == 1


def test_it_ends_at_once_when_interrupted(checked: Path) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1)
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            device_scores(DEVICES["cortex-a72"], [checked / "model.int8.tflite"], sorted((checked / "golden").glob("0*.*")))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < 2


@pytest.fixture
def edit() -> Any:
    def change(path: Path, how: Any) -> None:
        data = json.loads(path.read_text())
        how(data)
        path.write_text(json.dumps(data))

    return change
