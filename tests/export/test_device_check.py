"""export.device_check: a file that answers otherwise on another processor is not published. The processor itself: tests/emulation."""

import json
from pathlib import Path

import numpy as np
import pytest

from export import device_check
from export.emulated.devices import DEVICES
from export.gate import Limits
from export.kind import Kind
from export.run import ExportOptions, ExportResult, export
from export.session import Session
from runtime import Classifier
from runtime.bundle import Bundle
from runtime.device_scores import read_device_scores
from runtime.errors import InputRefused, MachineError
from runtime.opening import read_picture
from runtime.preprocess import preprocess

INT8 = Kind("tflite", "int8")


def exported(trained: Path, bundle: Path, *, devices: tuple[str, ...] = ("cortex-a72",), pictures: int = 12) -> ExportResult:
    chosen = tuple(DEVICES[name] for name in devices)
    options = ExportOptions(limits=Limits(0.2, 0.8), devices=chosen, device_pictures=pictures)
    (result,) = export(trained, bundle, [INT8], options, data=None, overwrite=False)
    return result


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch):
    """A processor in the place of the emulated one, which gives this machine's scores, turned round by a function."""

    def make(change) -> None:
        def scores(_device, files, pictures):
            classifiers = {file.name: Classifier(file) for file in files}
            contents = [read_picture(picture) for picture in pictures]
            found = {
                name: np.stack([classifier.scores(preprocess(content, classifier.preprocessing)) for content in contents])
                for name, classifier in classifiers.items()
            }
            return {name: change(answers) for name, answers in found.items()}

        monkeypatch.setattr(device_check, "device_scores", scores)
        monkeypatch.setattr(device_check, "require_programs", lambda _system: None)

    return make


def test_the_same_answers_pass_and_travel(trained: Path, tmp_path: Path, processor) -> None:
    processor(lambda scores: scores)
    result = exported(trained, tmp_path / "bundle")
    there = result.record["devices"]["cortex-a72"]
    assert (there["outcome"], there["agreement"], there["pictures"]) == ("passed", 1.0, 12)
    (device,) = read_device_scores(tmp_path / "bundle")
    assert list(device.scores) == [Bundle.open(tmp_path / "bundle").exported()[0].sha256]


def test_other_labels_there_are_refused_and_nothing_is_published(trained: Path, tmp_path: Path, processor) -> None:
    processor(lambda scores: scores[:, ::-1])
    result = exported(trained, tmp_path / "bundle")
    assert result.refused
    assert any(reason.startswith("on cortex-a72, against the same file here:") for reason in result.record["reasons"])
    assert not (tmp_path / "bundle").exists()


def test_one_command_with_the_check_and_one_without_are_not_the_same(trained: Path, tmp_path: Path, processor) -> None:
    processor(lambda scores: scores)
    exported(trained, tmp_path / "bundle", devices=())
    assert "devices" in json.loads((tmp_path / "bundle/parity.json").read_text())["artifacts"]["model.int8.tflite"]
    with pytest.raises(InputRefused, match="made by another command; use --overwrite"):
        exported(trained, tmp_path / "bundle")


def test_what_the_device_or_this_machine_lacks_is_said_before_the_long_work(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "convert", lambda *_: pytest.fail("converted first"))
    options = ExportOptions(devices=(DEVICES["armv7l"],))
    with pytest.raises(InputRefused, match="nothing runs onnx files on 32-bit ARM"):
        export(trained, tmp_path / "bundle", [Kind("onnx", "fp32")], options, data=None, overwrite=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MachineError, match="sudo apt install"):
        exported(trained, tmp_path / "bundle")


@pytest.mark.parametrize("pictures", [0, -3])
def test_no_picture_is_no_check(pictures: int) -> None:
    with pytest.raises(InputRefused, match="--device-pictures: expected at least 1"):
        ExportOptions(device_pictures=pictures)
