"""The pictures beside a foreign model: labels from folders, nothing both calibrated and verified with (FAULTS E7, E8)."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from export.foreign_pictures import find_pictures
from runtime.errors import InputRefused

LABELS = ("mono", "poly", "third")


@pytest.fixture
def folders(cells: Path, tmp_path: Path) -> tuple[Path, Path]:
    verify, calib = tmp_path / "verify", tmp_path / "calib"
    for label in ("mono", "poly"):
        for number, picture in enumerate(sorted((cells / label).iterdir())[:10]):
            target = verify / label if number < 5 else calib
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, target / f"{label}-{number}.png")
    return verify, calib


def test_folders_name_the_class_and_a_flat_folder_calibrates(folders, capsys) -> None:
    root, pictures = find_pictures(*folders, LABELS)
    tests = [picture for picture in pictures if picture.split == "test"]
    assert [picture.label for picture in tests] == ["mono"] * 5 + ["poly"] * 5
    assert len(pictures) == 20
    assert all((root / picture.path).is_file() for picture in pictures)
    assert "no pictures of 1 classes (third)" in capsys.readouterr().err


def test_a_calibration_picture_that_is_held_out_is_left_out_by_its_content_and_counted(folders, capsys) -> None:
    verify, calib = folders
    for number, picture in enumerate(sorted((verify / "mono").iterdir())[:3]):
        shutil.copy(picture, calib / f"copy{number}.png")
    _, pictures = find_pictures(verify, calib, LABELS)
    held_out = {picture.sha256 for picture in pictures if picture.split == "test"}
    ranges = {picture.sha256 for picture in pictures if picture.split == "train"}
    assert len(ranges) == 10
    assert not held_out & ranges
    assert "left out 3 of 13 calibration pictures" in capsys.readouterr().err


def test_none_left_to_calibrate_with_is_refused(folders) -> None:
    with pytest.raises(InputRefused, match="no picture is left"):
        find_pictures(folders[0], folders[0], LABELS)


def test_a_folder_that_is_no_label_is_refused_with_the_near_name(folders) -> None:
    (folders[0] / "poly").rename(folders[0] / "polly")
    with pytest.raises(InputRefused, match="knows no class.*did you mean 'poly'"):
        find_pictures(*folders, LABELS)


def test_files_that_are_no_pictures_are_left_out_by_name(folders, capsys) -> None:
    (folders[1] / "notes.txt").write_text("hello")
    _, pictures = find_pictures(*folders, LABELS)
    assert len(pictures) == 20
    assert "notes.txt: not a picture" in capsys.readouterr().err


def test_odd_pictures_are_taken_as_training_takes_them(folders) -> None:
    """1x1, 16-bit grey: whatever comes out has the model's size and three channels, since one preprocessing makes it."""
    Image.new("RGB", (1, 1)).save(folders[1] / "tiny.png")
    Image.new("I;16", (40, 30), 30_000).save(folders[1] / "grey16.png")
    assert len(find_pictures(*folders, LABELS)[1]) == 22


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("how", ["missing", "empty", "file"])
def test_folders_that_hold_nothing_are_refused(folders, which: int, how: str) -> None:
    shutil.rmtree(folders[which])
    if how == "empty":
        folders[which].mkdir()
    elif how == "file":
        folders[which].write_text("x")
    with pytest.raises(InputRefused, match=f"{folders[which]}: (no such folder|not a folder|holds no pictures|expected a folder)"):
        find_pictures(*folders, LABELS)


def test_a_picture_with_a_good_header_and_a_cut_body_is_left_out_by_name(folders, capsys) -> None:
    verify, calib = folders
    for folder in (verify / "mono", calib):
        whole = next(folder.iterdir()).read_bytes()
        (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    _, pictures = find_pictures(verify, calib, LABELS)
    assert len(pictures) == 20
    assert capsys.readouterr().err.count("cut.png: broken") == 2
