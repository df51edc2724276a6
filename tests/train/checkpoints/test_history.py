"""Tests history.csv, and the selection of the epoch whose weights are kept."""

import csv
from pathlib import Path

import pytest

from train.checkpoints.history import Epoch, select_best_epoch, write_history

HISTORY = [
    Epoch("head", 1, 1.25, 0.5, 1.5, 0.25, 2.0),
    Epoch("head", 2, 0.123456789, 0.75, 1e-7, 0.5, 2.0),
    Epoch("fine-tune", 1, 0.5, 1.0, 0.5, 1.0, 9.5),
]
COLUMNS = ["stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"]


def _history(*accuracies: float) -> list[Epoch]:
    return [
        Epoch("head", number, 0.1, 1.0, 0.1, accuracy, 1.0)
        for number, accuracy in enumerate(accuracies, start=1)
    ]


@pytest.mark.parametrize(
    ("images", "epoch"),
    [(100, 4), (377, 4), (2000, 2)],
    ids=["few images", "as in fruits360-16", "so many that it is no chance"],
)
def test_a_later_epoch_is_kept_if_it_is_worse_by_chance_only(images: int, epoch: int) -> None:
    assert select_best_epoch(_history(0.90, 0.984, 0.97, 0.976), images).epoch == epoch


def test_an_epoch_that_is_clearly_worse_is_not_kept() -> None:
    assert select_best_epoch(_history(0.5, 0.9, 0.6, 0.55), 200).epoch == 2


@pytest.mark.parametrize(("accuracy", "epoch"), [(0.9, 2), (1.0, 2), (0.5, 1)])
def test_all_right_still_leaves_some_chance(accuracy: float, epoch: int) -> None:
    assert select_best_epoch(_history(1.0, accuracy), 20).epoch == epoch


def test_csv_has_a_row_an_epoch(tmp_path: Path) -> None:
    write_history(tmp_path, HISTORY)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert [(row["stage"], row["epoch"]) for row in rows] == [
        ("head", "1"),
        ("head", "2"),
        ("fine-tune", "1"),
    ]
    for row, epoch in zip(rows, HISTORY, strict=True):
        for column in COLUMNS[2:]:
            assert float(row[column]) == pytest.approx(getattr(epoch, column), rel=1e-5)


def test_real_run_has_a_row_for_every_epoch(trained: Path) -> None:
    with (trained / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
