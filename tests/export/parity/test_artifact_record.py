"""Records come back from parity.json as they were written."""

import json
from pathlib import Path

import pytest

from export.parity.artifact_record import ArtifactRecord, read_records, write_records
from runtime.errors import InputRefused


def test_what_is_written_is_read(records: dict[str, ArtifactRecord], tmp_path: Path) -> None:
    write_records(tmp_path, records)
    assert read_records(tmp_path) == records
    assert records["model.int8.tflite"].layers


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "expected an object"),
        ('{"schema": 4}', "expected an object with schema and artifacts"),
        ('{"schema": 4, "artifacts": {}}', "another version of Quince"),
        ('{"schema": 5, "artifacts": {"a": {}}}', "a: field 'bytes' is missing"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "parity.json").write_text(text)
    with pytest.raises(InputRefused, match=reason):
        read_records(tmp_path)


def test_the_keys_of_schema_5_stay(exported: Path) -> None:
    artifacts = json.loads((exported / "parity.json").read_text())["artifacts"]
    assert set(artifacts["model.int8.tflite"]) == {
        *("bytes", "command", "versions", "made_by", "parity", "limits", "outcome", "reasons"),
        *("doubts", "devices", "confidence", "latency", "calibration", "warnings", "layers"),
        *("ladder", "poor_model", "similarity", "classes", "reference", "against"),
    }
