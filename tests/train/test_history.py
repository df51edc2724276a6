"""history.csv and history.png."""

import csv
from pathlib import Path

from PIL import Image

from train.history import Epoch, plot_history, write_history

HISTORY = [
    Epoch("head", 1, 1.25, 0.5, 1.5, 0.25, 2.0),
    Epoch("head", 2, 0.123456789, 0.75, 1e-7, 0.5, 2.0),
    Epoch("fine-tune", 1, 0.5, 1.0, 0.5, 1.0, 9.5),
]


def test_csv_has_a_row_an_epoch(tmp_path: Path) -> None:
    write_history(tmp_path, HISTORY)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert [(row["stage"], row["epoch"]) for row in rows] == [("head", "1"), ("head", "2"), ("fine-tune", "1")]
    for row, epoch in zip(rows, HISTORY, strict=True):
        for column in ("loss", "accuracy", "val_loss", "val_accuracy", "seconds"):
            assert abs(float(row[column]) - getattr(epoch, column)) <= 1e-5 * getattr(epoch, column)


def test_plot_is_a_png_with_something_drawn_on_it(tmp_path: Path) -> None:
    plot_history(tmp_path, HISTORY)
    with Image.open(tmp_path / "history.png") as image:
        assert image.format == "PNG"
        assert image.size == (1200, 480)
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20


def test_plot_shows_the_numbers_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    plot_history(tmp_path / "one", HISTORY)
    plot_history(tmp_path / "other", [*HISTORY[:2], Epoch("fine-tune", 1, 0.5, 0.9, 0.5, 1.0, 9.5)])
    assert (tmp_path / "one/history.png").read_bytes() != (tmp_path / "other/history.png").read_bytes()


def test_plot_of_a_single_epoch_works(tmp_path: Path) -> None:
    plot_history(tmp_path, HISTORY[:1])
    with Image.open(tmp_path / "history.png") as image:
        image.verify()


def test_real_run_has_both_for_every_epoch_it_went_through(trained: Path) -> None:
    with (trained / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    with Image.open(trained / "history.png") as image:
        assert image.size == (1200, 480)
