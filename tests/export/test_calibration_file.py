"""calibration.json says what each artifact was calibrated on; a damaged one is refused."""

import json
from pathlib import Path

import pytest

from export.bundle_writer import open_bundle
from export.calibration import choose_calibration
from export.calibration_file import describe, read_sets, write_sets
from runtime.errors import InputRefused

RECORDS = {"model.int8.tflite": {"calibration": "aa"}, "model.fp32.tflite": {"calibration": None}}


def test_what_is_written_is_read_with_the_artifacts_of_each_set(opened, tmp_path: Path) -> None:
    calibration = choose_calibration(opened, 10, seed=5)
    one = describe(calibration, None)
    write_sets(tmp_path, {"aa": {**one, "artifacts": ["an older one"]}, "bb": one}, RECORDS)
    assert read_sets(tmp_path) == {"aa": {**one, "artifacts": ["model.int8.tflite"]}}
    assert one["seed"] == 5
    assert one["classes"] == {"mono": 5, "poly": 5}
    assert [picture["sha256"] for picture in one["pictures"]] == [picture.sha256 for picture in calibration.pictures]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2, "sets": {}}', '{"schema": 1, "sets": []}'])
def test_a_damaged_file_is_refused(bundle: Path, opened, text: str) -> None:
    (bundle / "calibration.json").write_text(text)
    with pytest.raises(InputRefused):
        read_sets(bundle)
    with pytest.raises(InputRefused, match="--overwrite"):
        open_bundle(bundle, opened, overwrite=False)
    assert open_bundle(bundle, opened, overwrite=True) == (None, {})


def test_an_export_without_calibration_writes_an_empty_list(exported: Path, tmp_path: Path) -> None:
    write_sets(tmp_path, read_sets(exported), {"model.fp32.onnx": {"calibration": None}})
    assert json.loads((tmp_path / "calibration.json").read_text()) == {"schema": 1, "sets": {}}
