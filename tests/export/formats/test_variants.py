"""Checks `--io`, `--ranges` and `--batch` on the command line: gate, verify and equal bytes."""

import json
from pathlib import Path

import pytest

LOOSE = ("--max-drop", "1", "--min-agreement", "0.8", "--calibration-images", "20")
EVERYTHING = ("--precision", "int8", "--ranges", "percentile", "--batch", "2", "--io", "float")


def test_variants_are_published_beside_the_plain_files_and_verify(
    trained: Path, run_cli, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    for command in (("tflite",), ("tflite", "--io", "int8"), ("onnx", *EVERYTHING)):
        done = run_cli("export", command[0], trained, "-o", bundle, *command[1:], *LOOSE)
        assert done.returncode == 0, done.stderr
    files = ("model.int8-float-io-batch2.onnx", "model.int8-io.tflite", "model.int8.tflite")
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert tuple(artifact["file"] for artifact in manifest["artifacts"]) == files
    records = json.loads((bundle / "parity.json").read_text())["artifacts"]
    spec = records[files[0]]["made_by"]["spec"]
    assert (spec["io"], spec["ranges"], spec["batch"]) == ("float", "percentile", 2)
    verified = run_cli("runtime", "verify", bundle)
    assert (verified.returncode, verified.stdout.count("as exported")) == (0, 3), verified.stdout
    again = tmp_path / "again"
    done = run_cli(
        "export",
        "onnx",
        trained,
        "-o",
        again,
        *EVERYTHING,
        *LOOSE,
        env={"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert (again / files[0]).read_bytes() == (bundle / files[0]).read_bytes()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("tflite", "--precision", "auto", "--io", "int8"),
            "--precision auto: makes several attempts by itself",
        ),
        (("tflite", "--batch", "2"), "unrecognized arguments: --batch 2"),
        (
            ("onnx", "--ranges", "percentile"),
            "--ranges: expected minmax with --precision fp32, found percentile",
        ),
    ],
)
def test_contradicting_options_are_refused_in_one_line(
    trained: Path, run_cli, tmp_path: Path, command, message: str
) -> None:
    done = run_cli("export", command[0], trained, "-o", tmp_path / "bundle", *command[1:])
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert message in done.stderr
