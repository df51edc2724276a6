"""Tests the report on a data set for a terminal."""

from pathlib import Path

from train.data.dataset import Dataset
from train.data.dataset_report import class_table
from train.data.image_appearance import ImageAppearance
from workstation.run_folder import ImageRecord


def test_table_is_no_wider_than_80_columns(tmp_path: Path) -> None:
    labels = ("a" * 200, "猫" * 50, "line\nbreak\x1b[31m", "plain")
    data = Dataset(
        tmp_path,
        labels,
        tuple(
            ImageRecord("train", label, str(n), f"{label}{n}") for label in labels for n in range(5)
        ),
        ImageAppearance(),
    )
    lines = list(class_table(data))
    assert all(len(line) + line.count("猫") <= 80 and line.isprintable() for line in lines)
    assert lines[2].split() == ["猫" * 20 + "…", "5", "0", "0", "0"]
    assert list(class_table(data, 2))[3:] == ["... and 2 more classes", lines[-1]]
