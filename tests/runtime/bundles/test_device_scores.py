"""Tests the scores of a processor, and that verify tells its own way from a fault."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.bundles.device_scores import (
    DeviceScores,
    nearest_processor,
    read_device_scores,
    write_device_scores,
)
from runtime.bundles.golden_images import read_golden
from runtime.commands import verify as command
from runtime.deployment import verification
from runtime.deployment.verification import Verification, verify
from runtime.errors import InputRefused


def device(
    processor: str, architecture: str = "aarch64", **scores: dict[str, tuple[float, ...]]
) -> DeviceScores:
    return DeviceScores(processor, architecture, "emulated", {"numpy": "2.4.6"}, scores)


@pytest.fixture
def fruit(make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(verification, "architecture", lambda: "aarch64")
    monkeypatch.setattr(verification, "read_cpu_model", lambda: "Cortex-A72")
    return make_bundle("fruit")


def exported_elsewhere(
    bundle: Path, edit_json: Callable[..., None], by: float
) -> dict[str, tuple[float, ...]]:
    """Raises the workstation's first score in golden.json by `by`; returns the scores here."""
    scores_here = {
        sample.file: tuple(sample.scores["small.onnx"]) for sample in read_golden(bundle)
    }

    def shift(data: dict) -> None:
        data["samples"][0]["scores"]["small.onnx"][0] += by

    edit_json(bundle / "golden/golden.json", shift)
    return scores_here


def verified(bundle: Path) -> Verification:
    opened = Bundle.open(bundle)
    return verify(opened, opened.manifest.artifacts[0])


def test_scores_come_back_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    written = (device("Cortex-A72", ab={"00.png": (0.25, 0.75)}), device("Cortex-A53"))
    write_device_scores(tmp_path / "golden", written)
    assert read_device_scores(tmp_path) == (
        device("Cortex-A72", ab={"00.png": (0.25, 0.75)}),
        device("Cortex-A53"),
    )


@pytest.mark.parametrize(
    ("architecture", "processor", "nearest"),
    [
        ("aarch64", "Cortex-A76", "Cortex-A76"),
        ("aarch64", "Neoverse-N1", "Cortex-A72"),
        ("aarch64", None, "Cortex-A72"),
        ("x86_64", "Cortex-A72", None),
    ],
)
def test_the_same_processor_is_nearest_then_the_same_architecture(
    architecture: str, processor: str | None, nearest: str | None
) -> None:
    devices = [
        device("Cortex-A72", ab={}),
        device("Cortex-A76", ab={}),
        device("Cortex-A7", "armv7l", ab={}),
    ]
    chosen = nearest_processor(devices, architecture, processor, "ab")
    assert (chosen.processor if chosen else None) == nearest


def test_a_processor_that_another_file_was_checked_on_does_not_hide_the_one_of_this_file() -> None:
    devices = [device("Cortex-A76", other={}), device("Cortex-A72", this={})]
    chosen = nearest_processor(devices, "aarch64", "Cortex-A76", "this")
    assert chosen is not None
    assert chosen.processor == "Cortex-A72"
    assert nearest_processor(devices, "aarch64", "Cortex-A76", "neither") is None


def test_what_this_processor_gave_at_export_too_is_no_fault(
    fruit: Path, edit_json, capsys: pytest.CaptureFixture[str]
) -> None:
    scores_here = exported_elsewhere(fruit, edit_json, by=0.3)
    assert verified(fruit).outcome == "wrong"
    sha256 = Bundle.open(fruit).manifest.artifacts[0].sha256
    write_device_scores(fruit / "golden", [device("Cortex-A72", **{sha256: scores_here})])
    result = verified(fruit)
    assert (result.outcome, result.passed, result.processor) == (
        "as this processor does",
        True,
        "Cortex-A72",
    )
    assert result.worst_score_difference == pytest.approx(0.3, abs=1e-6)
    assert command.main([str(fruit)]) == 0
    assert (
        "differs as this processor does (as Cortex-A72 did in the check at export)"
        in capsys.readouterr().out
    )


def test_what_neither_gave_is_wrong(fruit: Path, edit_json) -> None:
    scores_here = exported_elsewhere(fruit, edit_json, by=0.3)
    shifted = {name: (scores[0] + 0.1, *scores[1:]) for name, scores in scores_here.items()}
    sha256 = Bundle.open(fruit).manifest.artifacts[0].sha256
    for scores in ({sha256: shifted}, {"f" * 64: scores_here}):
        write_device_scores(fruit / "golden", [device("Cortex-A72", **scores)])
        assert verified(fruit).outcome == "wrong"


def test_as_exported_is_said_where_it_is_so(fruit: Path) -> None:
    scores_here = {sample.file: tuple(sample.scores["small.onnx"]) for sample in read_golden(fruit)}
    sha256 = Bundle.open(fruit).manifest.artifacts[0].sha256
    write_device_scores(fruit / "golden", [device("Cortex-A72", **{sha256: scores_here})])
    assert verified(fruit).outcome == "as exported"


DEVICE = {"processor": "a", "architecture": "b", "system": "c", "versions": {}}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema": 2, "devices": []}',
        '{"schema": 1, "devices": {}}',
        '{"schema": 1, "devices": [{"processor": "a"}]}',
        json.dumps({"schema": 1, "devices": [{**DEVICE, "scores": {"d": 1}}]}),
        json.dumps({"schema": 1, "devices": [{**DEVICE, "scores": {"d": {"e": ["f"]}}}]}),
        json.dumps({"schema": 1, "devices": [{**DEVICE, "versions": {"numpy": 2}, "scores": {}}]}),
    ],
)
def test_a_file_that_does_not_hold_up_is_refused_by_name(fruit: Path, text: str) -> None:
    (fruit / "golden/devices.json").write_text(text)
    with pytest.raises(InputRefused, match=r"golden/devices\.json: not usable scores of devices"):
        read_device_scores(fruit)
