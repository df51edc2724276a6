"""A file that gives other scores on another processor is not published.

tests/system/emulation tests the emulated processor itself.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from export import model_files
from export.emulation.devices import DEVICES
from export.exporter import ExportResult, export
from export.formats.artifact_spec import ArtifactSpec
from export.inputs.trained_run import TrainedRun
from export.options import ExportOptions
from export.parity import device_check
from export.parity.gate import ParityLimits
from runtime import Classifier
from runtime.bundles.bundle import Bundle
from runtime.bundles.device_scores import read_device_scores
from runtime.errors import InputRefused, MachineError
from runtime.images.decoding import read_image
from runtime.images.preprocessing import preprocess

INT8 = ArtifactSpec("tflite", "int8")


def exported(
    run: TrainedRun,
    bundle: Path,
    *,
    devices: tuple[str, ...] = ("cortex-a72",),
    targets: tuple[str, ...] = ExportOptions.targets,
) -> ExportResult:
    options = ExportOptions(
        limits=ParityLimits(0.2, 0.8),
        targets=targets,
        devices=tuple(DEVICES[name] for name in devices),
        device_images=12,
    )
    (result,) = export(run, bundle, [INT8], options, overwrite=False)
    return result


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch):
    """Replaces the emulated processor by this machine, whose scores a function changes."""

    def make(change) -> None:
        def scores(_device, files, images):
            classifiers = {file.name: Classifier(file) for file in files}
            contents = [read_image(image) for image in images]
            scores_by_file = {
                name: np.stack(
                    [
                        classifier.scores(preprocess(content, classifier.preprocessing))
                        for content in contents
                    ]
                )
                for name, classifier in classifiers.items()
            }
            return {name: change(answers) for name, answers in scores_by_file.items()}

        monkeypatch.setattr(device_check, "device_scores", scores)
        monkeypatch.setattr(device_check, "require_programs", lambda _system: None)

    return make


def test_the_same_answers_pass_and_travel(opened: TrainedRun, tmp_path: Path, processor) -> None:
    processor(lambda scores: scores)
    result = exported(opened, tmp_path / "bundle")
    check = result.record.devices["cortex-a72"]
    assert (check.outcome, check.agreement, check.images) == ("passed", 1.0, 12)
    (device,) = read_device_scores(tmp_path / "bundle")
    assert list(device.scores) == [Bundle.open(tmp_path / "bundle").exported()[0].sha256]


def test_other_labels_there_are_refused_and_nothing_is_published(
    opened: TrainedRun, tmp_path: Path, processor
) -> None:
    processor(lambda scores: scores[:, ::-1])
    result = exported(opened, tmp_path / "bundle")
    assert result.refused
    assert any(
        reason.startswith("on cortex-a72, against the same file here:")
        for reason in result.record.reasons
    )
    assert not (tmp_path / "bundle").exists()


def test_one_command_with_the_check_and_one_without_are_not_the_same(
    opened: TrainedRun, tmp_path: Path, processor
) -> None:
    processor(lambda scores: scores)
    exported(opened, tmp_path / "bundle", devices=())
    assert (
        "devices"
        in json.loads((tmp_path / "bundle/parity.json").read_text())["artifacts"][
            "model.int8.tflite"
        ]
    )
    with pytest.raises(InputRefused, match="made by another command; use --overwrite"):
        exported(opened, tmp_path / "bundle")


def test_an_artifact_for_another_target_is_not_the_same(
    opened: TrainedRun, tmp_path: Path, processor
) -> None:
    processor(lambda scores: scores)
    exported(opened, tmp_path / "bundle", devices=())
    with pytest.raises(InputRefused, match="made by another command; use --overwrite"):
        exported(opened, tmp_path / "bundle", devices=(), targets=("ai-edge-litert==2.2",))


def test_what_the_device_or_this_machine_lacks_is_said_before_the_long_work(
    opened: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "_convert", lambda *_: pytest.fail("converted first"))
    options = ExportOptions(devices=(DEVICES["armv7l"],))
    with pytest.raises(InputRefused, match="nothing runs onnx files on 32-bit ARM"):
        export(
            opened,
            tmp_path / "bundle",
            [ArtifactSpec("onnx", "fp32")],
            options,
            overwrite=False,
        )
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MachineError, match="sudo apt install"):
        exported(opened, tmp_path / "bundle")


@pytest.mark.parametrize("images", [0, -3])
def test_no_image_is_no_check(images: int) -> None:
    with pytest.raises(InputRefused, match="--device-images: expected a whole number from 1"):
        ExportOptions(device_images=images)
