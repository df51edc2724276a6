"""Tests that outputs are what docs/reference/outputs.schema.json states.

The fixture `run_cli` checks each line that any test gets with --json. These tests ask for the
outputs that no other one asks for, and check the files that `bench` writes.
"""

import json
from pathlib import Path

import pytest
from jsonschema import ValidationError


def printed(done) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_export_and_a_refused_image(run_cli, trained: Path, exported: Path, tmp_path: Path) -> None:
    words = ("--precision", "dynamic", "--min-agreement", "0.8", "--max-drop", "0.2", "--json")
    done = run_cli("export", "tflite", trained, "-o", tmp_path / "bundle", *words)
    (result,) = printed(done)
    assert result["artifact"] == "model.dynamic.tflite"
    (tmp_path / "broken.png").write_text("none")
    done = run_cli("runtime", "predict", exported, tmp_path / "broken.png", "--json")
    assert "error" in printed(done)[0]


def test_run_that_is_there_already(run_cli, trained: Path, cells: Path, small_training) -> None:
    (result,) = printed(run_cli("train", cells, "-o", trained, *small_training, "--json"))
    assert result["reused"] is True


def test_files_of_bench_and_a_comparison(
    run_cli, fits_schema, exported: Path, cells: Path, tmp_path: Path
) -> None:
    model, files = exported / "model.int8.tflite", {}
    for verb, *words in (
        ("latency", model, "--iterations", "20", "--min-seconds", "0"),
        ("accuracy", model, cells),
        ("soak", exported, "--minutes", "0.03"),
    ):
        files[verb] = tmp_path / f"{verb}.json"
        done = run_cli("benchmarks", verb, *words, "-o", files[verb])
        assert done.returncode == 0, done.stderr
        fits_schema(f"bench {verb}", json.loads(files[verb].read_text()))
    done = run_cli("benchmarks", "compare", files["latency"], files["latency"], "--json")
    assert printed(done)


def test_schema_refuses_a_field_too_many_one_too_few_and_another_type(
    run_cli, fits_schema, exported: Path
) -> None:
    (record, *_) = printed(run_cli("runtime", "verify", exported, "--json"))
    for change in ({"more": 1}, {"images": "16"}, {"schema": 1}):
        with pytest.raises(ValidationError):
            fits_schema("run verify", record | change)
    del record["differences"]
    with pytest.raises(ValidationError):
        fits_schema("run verify", record)
