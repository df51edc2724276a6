"""Tests `export --device-check` on an emulated processor, and `verify` with its golden scores."""

import json
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from export.emulation.classify import device_scores
from export.emulation.devices import DEVICES
from runtime.bundles.bundle import Bundle
from runtime.bundles.device_scores import read_device_scores
from runtime.bundles.integrity import KEY, records_digest
from runtime.system.cache_dir import default_cache

MAX_ERROR = 1e-4
"""The last Dense of an int8 file and its softmax are float, which processors round differently."""


@pytest.fixture(scope="module")
def checked(
    emulation: None, trained: Path, tmp_path_factory: pytest.TempPathFactory, run_cli
) -> Path:
    """Exports a bundle with the check."""
    path = tmp_path_factory.mktemp("checked") / "bundle"
    limits = "--max-drop 0.2 --min-agreement 0.8 --device-check aarch64 --device-images 10"
    done = run_cli("export", "tflite", trained, "-o", path, *limits.split())
    if "sudo apt install" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert (
        "  on Cortex-A72 (as in a Raspberry Pi 4), bookworm, emulated, 10 images:\n" in done.stdout
    )
    found = re.search(
        r"    same top-1 as here 1\.0000, worst score difference (\S+)\n", done.stdout
    )
    assert found, done.stdout
    assert float(found[1]) < MAX_ERROR
    return path


def test_record_and_report_have_the_check(checked: Path, elements: Any) -> None:
    parity = json.loads((checked / "parity.json").read_text())
    device = parity["artifacts"]["model.int8.tflite"]["devices"]["cortex-a72"]
    assert (device["outcome"], device["images"]) == ("passed", 10)
    assert device["agreement"] == 1.0
    assert device["worst_score_error"] < MAX_ERROR
    assert "ai-edge-litert" in device["versions"]
    assert "On other processors" in elements((checked / "report.html").read_text()).text


def test_bundle_contains_the_golden_scores_of_the_processor(checked: Path) -> None:
    (device,) = read_device_scores(checked)
    (artifact,) = Bundle.open(checked).exported()
    assert (device.processor, device.architecture) == ("Cortex-A72", "aarch64")
    samples = {
        sample["file"]: sample
        for sample in json.loads((checked / "golden/golden.json").read_text())["samples"]
    }
    scores = device.scores[artifact.sha256]
    assert list(scores) == list(samples)
    for file, sample in samples.items():
        assert scores[file] == pytest.approx(sample["scores"][artifact.file], abs=MAX_ERROR)


def test_verify_distinguishes_the_processor_from_a_fault(
    checked: Path, ready: Any, edit: Any
) -> None:
    """Changes the workstation's scores in a copy of the bundle, then also the processor's."""
    if ready.system.machine != "aarch64":
        pytest.skip("the check ran on aarch64")
    bundle = ready.home / "checked"
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(checked, bundle)
    edit(
        bundle / "golden/golden.json",
        lambda data: data["samples"][0]["scores"]["model.int8.tflite"].reverse(),
    )
    edit(
        bundle / "manifest.json",
        lambda data: data["provenance"].update({KEY: records_digest(bundle)}),
    )
    done = ready.run("venv/bin/python -m runtime verify checked")
    assert done.returncode == 0, done.stdout
    assert "differs as this processor does (as Cortex-A72 did" in done.stdout
    first = json.loads((bundle / "golden/golden.json").read_text())["samples"][0]["file"]
    edit(
        bundle / "golden/devices.json",
        lambda data: next(iter(data["devices"][0]["scores"].values()))[first].reverse(),
    )
    done = ready.run("venv/bin/python -m runtime verify checked")
    assert done.returncode == 3, done.stdout
    assert "DIFFERS at the stage 'model' on 1" in done.stdout


def test_user_packages_and_odd_paths_do_not_matter(
    checked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "a:b, ü" / "quince"
    cache.parent.mkdir()
    cache.symlink_to(default_cache().absolute())
    home = tmp_path / "home/.local/lib/python3.11/site-packages"
    home.mkdir(parents=True)
    (home / "hello.pth").write_text("import sys; print('hello')")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    images = sorted((checked / "golden").glob("0*.*"))[:1]
    scores = device_scores(DEVICES["cortex-a72"], [checked / "model.int8.tflite"], images)
    assert scores["model.int8.tflite"].shape[0] == 1


def test_interrupt_ends_it_at_once(checked: Path) -> None:
    """With so many images that it is not done before."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1)
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            device_scores(
                DEVICES["cortex-a72"],
                [checked / "model.int8.tflite"],
                sorted((checked / "golden").glob("0*.*")) * 1000,
            )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < 2


@pytest.fixture
def edit() -> Any:
    def edit_file(path: Path, change: Any) -> None:
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return edit_file
