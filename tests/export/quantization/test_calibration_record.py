"""Checks what calibration.json says of each artifact, and that a damaged one is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from export.publish import open_bundle
from export.quantization.calibration import choose_calibration
from export.quantization.calibration_record import describe_calibration, read_sets, write_sets
from runtime.errors import InputRefused


def test_written_sets_are_read_with_the_artifacts_of_each(opened, records, tmp_path: Path) -> None:
    (record, *_) = records.values()
    records = {
        "model.int8.tflite": replace(record, calibration_id="aa"),
        "model.fp32.tflite": replace(record, calibration_id=None),
    }
    calibration = choose_calibration(opened, 10, seed=5)
    described = describe_calibration(calibration, opened.manifest.labels, None)
    before = {"aa": {**described, "artifacts": ["an older one"]}, "bb": described}
    write_sets(tmp_path, before, records)
    assert read_sets(tmp_path) == {"aa": {**described, "artifacts": ["model.int8.tflite"]}}
    assert described["seed"] == 5
    assert described["classes"] == {"mono": 5, "poly": 5}
    assert [image["sha256"] for image in described["images"]] == [
        image.sha256 for image in calibration.images
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 1, "sets": {}}', '{"schema": 2, "sets": []}']
)
def test_a_damaged_file_is_refused(bundle: Path, opened, text: str) -> None:
    (bundle / "calibration.json").write_text(text)
    with pytest.raises(InputRefused):
        read_sets(bundle)
    with pytest.raises(InputRefused, match="--overwrite"):
        open_bundle(bundle, opened, overwrite=False)
    assert open_bundle(bundle, opened, overwrite=True) == (None, {})


def test_an_export_without_calibration_writes_an_empty_list(
    exported: Path, records, tmp_path: Path
) -> None:
    assert records["model.fp32.onnx"].calibration_id is None
    write_sets(tmp_path, read_sets(exported), {"model.fp32.onnx": records["model.fp32.onnx"]})
    assert json.loads((tmp_path / "calibration.json").read_text()) == {"schema": 2, "sets": {}}
