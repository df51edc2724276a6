"""The whole job as a user does it, on real images: train, export, gate, verify, predict."""

import csv
import json
from pathlib import Path


def test_train_writes_what_it_promises(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    tables = {"images.csv", "near_duplicates.csv", "history.csv", "test_predictions.csv"}
    assert names == {
        "model.keras",
        "manifest.json",
        "report.html",
        "history.png",
        "confusion.png",
        *tables,
    }
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["labels"] == ["mono", "poly"]
    assert manifest["provenance"]["results"]["test_accuracy"] > 0.6, (
        "no better than guessing: images or labels are mixed up"
    )
    with (trained / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120
    assert {row["split"] for row in rows} == {"train", "val", "test"}


def test_same_training_command_again_keeps_the_run(trained, cells, run_cli, small_training) -> None:
    before = (trained / "model.keras").stat().st_mtime_ns
    done = run_cli("train", cells, "-o", trained, *small_training)
    assert done.returncode == 0, done.stderr
    assert "already there" in done.stdout
    assert (trained / "model.keras").stat().st_mtime_ns == before


def test_training_goes_on_with_the_export(run_copy, cells, run_cli, small_training) -> None:
    done = run_cli("train", cells, "-o", run_copy, *small_training, "--export", "onnx")
    assert done.returncode == 0, done.stderr
    assert "already there" in done.stdout
    assert "model.fp32.onnx: " in done.stdout
    assert f"next: python -m runtime verify {run_copy}/bundle" in done.stderr
    assert (run_copy / "bundle" / "model.fp32.onnx").is_file()


def test_other_training_command_refuses_to_replace_the_run(
    trained, cells, run_cli, small_training
) -> None:
    before = (trained / "model.keras").read_bytes()
    done = run_cli("train", cells, "-o", trained, *small_training, "--seed", "8")
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert (trained / "model.keras").read_bytes() == before


def test_verify_passes_where_it_was_exported(exported, run_cli) -> None:
    done = run_cli("runtime", "verify", exported)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as exported") == 2


def test_predict_agrees_with_the_gate_on_every_test_image(
    trained, exported, cells, run_cli
) -> None:
    """The device's labels on the held-out files give the accuracy that the gate published."""
    with (trained / "images.csv").open(newline="") as file:
        truth = {
            str(cells / row["path"]): row["label"]
            for row in csv.DictReader(file)
            if row["split"] == "test"
        }
    records = json.loads((exported / "parity.json").read_text())["artifacts"]
    for artifact in ("model.int8.tflite", "model.fp32.onnx"):
        done = run_cli("runtime", "predict", exported / artifact, *truth, "--top", "1", "--json")
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        right = sum(
            answer["predictions"][0]["label"] == truth[answer["image"]] for answer in answers
        )
        assert right / len(truth) == records[artifact]["parity"]["candidate_accuracy"]
