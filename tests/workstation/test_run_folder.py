"""workstation.run_folder: images.csv survives any file name, and a damaged one is refused."""

import os
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from workstation.run_folder import ImageRecord, read_images, write_images


def test_every_name_survives(tmp_path: Path) -> None:
    images = [
        ImageRecord("train", "a,b", 'sub/quo"te.jpg', "0" * 64),
        ImageRecord("val", "café noir", "猫.jpg", "1" * 64),
        ImageRecord("test", "line\nbreak", "cr\r\n.jpg", "2" * 64),
        ImageRecord("refused", "", "=cmd.jpg", "", "broken (a, 'b')"),
    ]
    write_images(tmp_path, images)
    assert read_images(tmp_path) == images


def test_name_that_is_not_utf_8_survives(tmp_path: Path) -> None:
    images = [ImageRecord("train", "a", os.fsdecode(b"latin-\xe9.jpg"), "0" * 64)]
    write_images(tmp_path, images)
    assert read_images(tmp_path) == images
    assert b"latin-\xe9.jpg" in (tmp_path / "images.csv").read_bytes()


GOOD = "split,label,path,sha256,reason\ntrain,a,1.jpg,00,\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        GOOD.replace("split", "Split"),
        GOOD + "train,a\n",
        GOOD + "other,a,1.jpg,00,\n",
        GOOD + "train,a,1.jpg,00,," + "\n",
    ],
    ids=["empty", "other", "columns", "short row", "unknown split", "long row"],
)
def test_damaged_table_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "images.csv").write_text(text)
    with pytest.raises(InputRefused, match=r"images\.csv"):
        read_images(tmp_path)


def test_endless_field_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text(GOOD + "train,a," + "x" * 200_000 + ",00,\n")
    with pytest.raises(InputRefused, match="not a table"):
        read_images(tmp_path)


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"not a run folder: it has no images\.csv"):
        read_images(tmp_path)
