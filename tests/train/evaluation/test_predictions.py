"""Predictions as records and as a table."""

from pathlib import Path

import numpy as np
import pytest

from runtime.errors import CheckFailed
from train.evaluation.predictions import (
    LabelledPrediction,
    label_predictions,
    read_predictions,
    write_predictions,
)
from workstation.run_folder import ImageRecord, read_images

ODD = ['<b>"x", y', "line\nbreak", "猫", "undecodable\udcff"]


def test_each_image_gets_the_label_of_its_highest_score() -> None:
    images = [ImageRecord("test", "a", "1.jpg", "00"), ImageRecord("test", "b", "2.jpg", "11")]
    predictions = label_predictions(
        ("a", "b"), images, np.array([[0.25, 0.75], [0.125, 0.875]], np.float32)
    )
    assert predictions == [
        LabelledPrediction("1.jpg", "a", "b", 0.75, "00"),
        LabelledPrediction("2.jpg", "b", "b", 0.875, "11"),
    ]
    assert [prediction.correct for prediction in predictions] == [False, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused(bad: float) -> None:
    with pytest.raises(CheckFailed):
        label_predictions(
            ("a", "b"), [ImageRecord("test", "a", "1.jpg")], np.array([[0.5, bad]], np.float32)
        )


def test_odd_names_survive_the_table(tmp_path: Path) -> None:
    rows = [LabelledPrediction(name, name, name, 0.5, "0" * 64) for name in ODD]
    write_predictions(tmp_path / "x.csv", rows)
    assert read_predictions(tmp_path / "x.csv") == rows
    assert (
        (tmp_path / "x.csv")
        .read_text(errors="replace")
        .startswith("path,label,predicted,score,sha256,group\n")
    )


def test_the_table_of_a_run_lists_its_test_images(trained: Path) -> None:
    predictions = read_predictions(trained / "test_predictions.csv")
    assert [
        (prediction.path, prediction.label, prediction.sha256) for prediction in predictions
    ] == [
        (image.path, image.label, image.sha256)
        for image in read_images(trained)
        if image.split == "test"
    ]
