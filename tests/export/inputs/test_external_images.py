"""External images get labels from folders; none is for both purposes (FAULTS E7, E8)."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from export.inputs.external_images import find_external_images
from runtime.errors import InputRefused

LABELS = ("mono", "poly", "third")


@pytest.fixture
def folders(cells: Path, tmp_path: Path) -> tuple[Path, Path]:
    verify, calib = tmp_path / "verify", tmp_path / "calib"
    for label in ("mono", "poly"):
        for number, image in enumerate(sorted((cells / label).iterdir())[:10]):
            target = verify / label if number < 5 else calib
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, target / f"{label}-{number}.png")
    return verify, calib


def test_folders_name_the_class_and_a_flat_folder_calibrates(folders) -> None:
    external = find_external_images(*folders, LABELS)
    root, images = external.root, external.images
    tests = [image for image in images if image.split == "test"]
    assert [image.label for image in tests] == ["mono"] * 5 + ["poly"] * 5
    assert len(images) == 20
    assert all((root / image.path).is_file() for image in images)
    assert "no images of 1 class (third)" in external.notes[0]


def test_a_calibration_image_that_is_held_out_is_left_out_by_its_content_and_counted(
    folders,
) -> None:
    verify, calib = folders
    for number, image in enumerate(sorted((verify / "mono").iterdir())[:3]):
        shutil.copy(image, calib / f"copy{number}.png")
    external = find_external_images(verify, calib, LABELS)
    images = external.images
    held_out = {image.sha256 for image in images if image.split == "test"}
    ranges = {image.sha256 for image in images if image.split == "train"}
    assert len(ranges) == 10
    assert not held_out & ranges
    assert "left out 3 of 13 calibration images" in external.notes[-1]


def test_none_left_to_calibrate_with_is_refused(folders) -> None:
    with pytest.raises(InputRefused, match="no image is left"):
        find_external_images(folders[0], folders[0], LABELS)


def test_a_folder_that_is_no_label_is_refused_with_the_near_name(folders) -> None:
    (folders[0] / "poly").rename(folders[0] / "polly")
    with pytest.raises(InputRefused, match="has no class.*did you mean 'poly'"):
        find_external_images(*folders, LABELS)


def test_files_that_are_no_images_are_left_out_by_name(folders) -> None:
    (folders[1] / "notes.txt").write_text("hello")
    external = find_external_images(*folders, LABELS)
    assert len(external.images) == 20
    assert "notes.txt: not an image" in external.notes[-1]


def test_odd_images_are_taken_as_training_takes_them(folders) -> None:
    """1x1 and 16-bit grey: the one preprocessing gives them the model's size and channels."""
    Image.new("RGB", (1, 1)).save(folders[1] / "tiny.png")
    Image.new("I;16", (40, 30), 30_000).save(folders[1] / "grey16.png")
    assert len(find_external_images(*folders, LABELS).images) == 22


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("how", ["missing", "empty", "file"])
def test_folders_that_hold_nothing_are_refused(folders, which: int, how: str) -> None:
    shutil.rmtree(folders[which])
    if how == "empty":
        folders[which].mkdir()
    elif how == "file":
        folders[which].write_text("x")
    with pytest.raises(
        InputRefused,
        match=f"{folders[which]}: (no such folder|not a folder|holds no images|expected a folder)",
    ):
        find_external_images(*folders, LABELS)


def test_an_image_with_a_good_header_and_a_cut_body_is_left_out_by_name(folders) -> None:
    verify, calib = folders
    for folder in (verify / "mono", calib):
        whole = next(folder.iterdir()).read_bytes()
        (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    external = find_external_images(verify, calib, LABELS)
    assert len(external.images) == 20
    assert "\n".join(external.notes).count("cut.png: broken") == 2
