"""`--io`, `--ranges` and `--batch`: through the command line, judged by the gate, the same bytes every time."""

import json
from pathlib import Path

import pytest

LOOSE = ("--max-drop", "1", "--min-agreement", "0.8")
EVERYTHING = ("--precision", "int8", "--ranges", "percentile", "--batch", "2", "--io", "float")


def test_variants_stand_beside_the_plain_files_and_verify(trained: Path, run_cli, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    for command in (("tflite",), ("tflite", "--io", "int8"), ("onnx", *EVERYTHING)):
        done = run_cli("export", command[0], trained, "-o", bundle, *command[1:], *LOOSE)
        assert done.returncode == 0, done.stderr
    files = ("model.int8-float-io-batch2.onnx", "model.int8-io.tflite", "model.int8.tflite")
    assert tuple(artifact["file"] for artifact in json.loads((bundle / "manifest.json").read_text())["artifacts"]) == files
    record = json.loads((bundle / "parity.json").read_text())["artifacts"][files[0]]["made_by"]["kind"]
    assert (record["io"], record["ranges"], record["batch"]) == ("float", "percentile", 2)
    verified = run_cli("runtime", "verify", bundle)
    assert (verified.returncode, verified.stdout.count("as exported")) == (0, 3), verified.stdout
    again = tmp_path / "again"
    done = run_cli("export", "onnx", trained, "-o", again, *EVERYTHING, *LOOSE, env={"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "0"})
    assert done.returncode == 0, done.stderr
    assert (again / files[0]).read_bytes() == (bundle / files[0]).read_bytes()


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (("tflite", "--precision", "auto", "--io", "int8"), "--precision auto: tries several by itself"),
        (("tflite", "--batch", "2"), "unrecognized arguments: --batch 2"),
        (("onnx", "--ranges", "percentile"), "--ranges: percentile is for integers, not for fp32"),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_one_line(trained: Path, run_cli, tmp_path: Path, command, word: str) -> None:
    done = run_cli("export", command[0], trained, "-o", tmp_path / "bundle", *command[1:])
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert word in done.stderr
