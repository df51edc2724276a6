"""Reads what --log writes with TensorBoard's own reader, and with MLflow's."""

import csv
import io
import os
from pathlib import Path

import pytest
from PIL import Image

reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


@pytest.fixture(scope="module")
def logged(
    trained: Path, cells: Path, small_training, run_cli, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Writes the log of the session's run, which is there already."""
    folder = tmp_path_factory.mktemp("log")
    mlflow = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    words = ("train", cells, "-o", trained, *small_training, "--log", folder)
    done = run_cli(*words, cwd=folder, env=mlflow)
    assert done.returncode == 0, done.stderr
    assert "already there" in done.stdout
    assert f"events: {folder / trained.name} (tensorboard --logdir {folder})" in done.stderr
    return folder


@pytest.fixture(scope="module")
def events(logged: Path, trained: Path):
    accumulator = reader.EventAccumulator(str(logged / trained.name))
    accumulator.Reload()
    return accumulator


def test_losses_and_accuracies_are_those_of_history_csv(events, trained: Path) -> None:
    columns = {
        "loss/training": "loss",
        "loss/validation": "val_loss",
        "accuracy/training": "accuracy",
        "accuracy/validation": "val_accuracy",
    }
    with (trained / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(events.Tags()["scalars"]) == sorted(columns)
    for tag, column in columns.items():
        values = events.Scalars(tag)
        assert [value.step for value in values] == list(range(1, len(rows) + 1))
        assert [value.value for value in values] == pytest.approx(
            [float(row[column]) for row in rows]
        )


def test_images_are_the_confusion_matrix_and_the_mistakes(events, trained: Path) -> None:
    with (trained / "test_predictions.csv").open(newline="") as file:
        wrong = [row for row in csv.DictReader(file) if row["label"] != row["predicted"]]
    first, *mistakes = sorted(events.Tags()["images"])
    assert first == "confusion matrix"
    (matrix,) = events.Images(first)
    assert matrix.encoded_image_string == (trained / "confusion.png").read_bytes()
    assert len(mistakes) == min(len(wrong), 20)
    for tag in mistakes:
        (image,) = events.Images(tag)
        assert Image.open(io.BytesIO(image.encoded_image_string)).size == (64, 64)
    for row in wrong[:20]:
        assert any(f"{row['label']}, called {row['predicted']}" in tag for tag in mistakes)


def test_mlflow_gets_the_same_numbers(
    logged: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(logged)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{logged}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'quince'")
    (run,) = client.search_runs([experiment.experiment_id])
    with (trained / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = client.get_metric_history(run.info.run_id, "loss/training")
    assert [loss.value for loss in losses] == pytest.approx([float(row["loss"]) for row in rows])
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"confusion.png", "report.html"} <= names


def test_a_folder_that_cannot_be_written_is_refused_before_the_training(
    cells: Path, run_cli, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run_cli("train", cells, "-o", tmp_path / "run", "--log", tmp_path / "file" / "log")
    assert done.returncode == 2
    assert "is a file" in done.stderr
    assert os.listdir(tmp_path) == ["file"]
