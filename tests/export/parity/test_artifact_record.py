"""Records come back from parity.json as they were written."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from export.parity.artifact_record import (
    AgainstBundle,
    ArtifactRecord,
    Attempt,
    read_records,
    write_records,
)
from runtime.errors import InputRefused
from runtime.shared.parity import LabelChange, ParityFigures

COUNTS = ("better", "worse", "new_images", "new_right", "seen")


def test_what_is_written_is_read(records: dict[str, ArtifactRecord], tmp_path: Path) -> None:
    write_records(tmp_path, records)
    assert read_records(tmp_path) == records
    assert records["model.int8.tflite"].layers


def rename(record: dict, **names: str) -> None:
    for new, old in names.items():
        record[old] = record.pop(new)


def make_older(record: dict, schema: int) -> None:
    """Gives a record the keys that it had in this schema."""
    inputs, latency, attempts = record["made_by"], record["latency"], record["ladder"]
    rename(inputs, code_sha256="source", device_images="devices", against_id="against")
    rename(latency, cpu_model="cpu")
    rename(record["against"], artifact="file")
    rename(record["similarity_figures"], left_out_classes="classes")
    scores = record["parity"]["true_scores"]
    rename(scores, reference_scores="reference", candidate_scores="candidate")
    for flip in record["parity"]["flips"] + record["against"]["flips"]:
        rename(flip, label="truth", reference_label="reference", candidate_label="candidate")
    for layer in record["layers"]:
        rename(layer, input_layer="after", input_scale="after_scale")
    for finding in record["class_findings"]:
        rename(finding, unknown_images="unknown")
    for attempt in attempts:
        rename(attempt, artifact="file")
    rename(record, class_findings="classes", similarity_figures="similarity")
    if schema == 5:
        rename(record, size_bytes="bytes", calibration_id="calibration")
        rename(inputs, calibration_images="calibration")
        rename(latency, calls="runs")
        for attempt in attempts:
            rename(attempt, size_bytes="bytes")


@pytest.mark.parametrize("schema", [5, 6])
def test_a_bundle_of_an_older_schema_is_read(
    records: dict[str, ArtifactRecord], tmp_path: Path, schema: int
) -> None:
    record = records["model.int8.tflite"]
    flip = LabelChange("a.png", "mono", "mono", 0.9, "poly", 0.6)
    parity = replace(record.parity, flips=(flip,))
    figures = {field.name: getattr(parity, field.name) for field in fields(ParityFigures)}
    record = replace(
        record,
        parity=parity,
        ladder=(Attempt("int8", "model.int8.tflite", "passed", (), size_bytes=7),),
        against=AgainstBundle(
            **figures, artifact="old.tflite", **dict.fromkeys(COUNTS, 0), replaces=()
        ),
    )
    write_records(tmp_path, {"model.int8.tflite": record})
    data = json.loads((tmp_path / "parity.json").read_text())
    make_older(data["artifacts"]["model.int8.tflite"], schema)
    (tmp_path / "parity.json").write_text(json.dumps(data | {"schema": schema}))
    assert read_records(tmp_path) == {"model.int8.tflite": record}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "expected an object"),
        ('{"schema": 4}', "expected an object with schema and artifacts"),
        ('{"schema": 4, "artifacts": {}}', "another version of Quince"),
        ('{"schema": 5, "artifacts": {"a": []}}', "a: expected a to be an object"),
        ('{"schema": 7, "artifacts": {"a": {}}}', "a: field 'size_bytes' is missing"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "parity.json").write_text(text)
    with pytest.raises(InputRefused, match=reason):
        read_records(tmp_path)


def test_the_keys_of_schema_7_stay(exported: Path) -> None:
    artifacts = json.loads((exported / "parity.json").read_text())["artifacts"]
    assert set(artifacts["model.int8.tflite"]) == {
        *("size_bytes", "command", "versions", "made_by", "parity", "limits", "outcome", "reasons"),
        *("doubts", "devices", "confidence", "latency", "calibration_id", "warnings", "layers"),
        *("ladder", "poor_model", "similarity_figures", "class_findings", "reference", "against"),
    }
