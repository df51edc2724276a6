"""What the model says, as rows and as a table."""

from pathlib import Path

import numpy as np
import pytest

from runtime.errors import CheckFailed
from runtime.run_folder import Picture
from train.judged import Judged, judge, read_judged, write_judged

ODD = ['<b>"x", y', "line\nbreak", "猫", "undecodable\udcff"]


def test_each_picture_gets_the_label_of_its_highest_score() -> None:
    pictures = [Picture("test", "a", "1.jpg", "00"), Picture("test", "b", "2.jpg", "11")]
    found = judge(("a", "b"), pictures, np.array([[0.25, 0.75], [0.125, 0.875]], np.float32))
    assert found == [Judged("1.jpg", "a", "b", 0.75, "00"), Judged("2.jpg", "b", "b", 0.875, "11")]
    assert [one.right for one in found] == [False, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_no_answer(bad: float) -> None:
    with pytest.raises(CheckFailed):
        judge(("a", "b"), [Picture("test", "a", "1.jpg")], np.array([[0.5, bad]], np.float32))


def test_odd_names_survive_the_table(tmp_path: Path) -> None:
    rows = [Judged(name, name, name, 0.5, "0" * 64) for name in ODD]
    write_judged(tmp_path / "x.csv", rows)
    assert read_judged(tmp_path / "x.csv") == rows
    assert (tmp_path / "x.csv").read_text(errors="replace").startswith("path,label,predicted,score,sha256\n")


def test_the_table_of_a_run_lists_its_test_pictures(trained: Path) -> None:
    from runtime.run_folder import read_pictures

    found = read_judged(trained / "test_predictions.csv")
    assert [(one.path, one.label, one.sha256) for one in found] == [
        (picture.path, picture.label, picture.sha256) for picture in read_pictures(trained) if picture.split == "test"
    ]
