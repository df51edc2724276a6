"""Records come back from parity.json as they were written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from export.parity.artifact_record import ArtifactRecord, Attempt, read_records, write_records
from runtime.errors import InputRefused


def test_what_is_written_is_read(records: dict[str, ArtifactRecord], tmp_path: Path) -> None:
    write_records(tmp_path, records)
    assert read_records(tmp_path) == records
    assert records["model.int8.tflite"].layers


def test_a_bundle_of_schema_5_is_read(records: dict[str, ArtifactRecord], tmp_path: Path) -> None:
    attempt = Attempt("int8", "model.int8.tflite", "passed", (), size_bytes=7)
    records = {file: replace(record, ladder=(attempt,)) for file, record in records.items()}
    write_records(tmp_path, records)
    text = (tmp_path / "parity.json").read_text().replace('"schema": 6', '"schema": 5')
    for old, new in (
        ("bytes", "size_bytes"),
        ("calibration", "calibration_id"),
        ("calibration", "calibration_images"),
        ("runs", "calls"),
    ):
        assert f'"{new}": ' in text
        text = text.replace(f'"{new}": ', f'"{old}": ')
    (tmp_path / "parity.json").write_text(text)
    assert read_records(tmp_path) == records


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "expected an object"),
        ('{"schema": 4}', "expected an object with schema and artifacts"),
        ('{"schema": 4, "artifacts": {}}', "another version of Quince"),
        ('{"schema": 5, "artifacts": {"a": []}}', "a: expected a to be an object"),
        ('{"schema": 6, "artifacts": {"a": {}}}', "a: field 'size_bytes' is missing"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "parity.json").write_text(text)
    with pytest.raises(InputRefused, match=reason):
        read_records(tmp_path)


def test_the_keys_of_schema_6_stay(exported: Path) -> None:
    artifacts = json.loads((exported / "parity.json").read_text())["artifacts"]
    assert set(artifacts["model.int8.tflite"]) == {
        *("size_bytes", "command", "versions", "made_by", "parity", "limits", "outcome", "reasons"),
        *("doubts", "devices", "confidence", "latency", "calibration_id", "warnings", "layers"),
        *("ladder", "poor_model", "similarity", "classes", "reference", "against"),
    }
