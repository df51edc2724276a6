"""The representative dataset comes from the training split, evenly over the classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.calibration import choose_calibration
from export.trained import balanced
from runtime.digest import digest
from runtime.errors import CheckFailed, InputRefused
from runtime.preprocess import preprocess
from runtime.run_folder import Picture


def test_pictures_are_of_the_training_split_and_of_no_other(opened) -> None:
    pixels = {digest(one) for one in choose_calibration(opened, 1000, seed=1).pixels}

    def split(name):
        return {digest(preprocess(opened.read(picture), opened.manifest.preprocessing)) for picture in opened.split(name)}

    assert pixels == split("train")
    assert not pixels & (split("test") | split("val"))


def test_choice_is_even_over_classes_however_rare_one_is() -> None:
    pictures = [Picture("train", "common", f"{n}") for n in range(100)] + [Picture("train", "rare", f"r{n}") for n in range(5)]
    chosen = [picture.label for picture in balanced(pictures, 10, seed=3)]
    assert (chosen.count("common"), chosen.count("rare")) == (5, 5)
    assert len(balanced(pictures, 1000, seed=3)) == 105


def test_choice_depends_on_the_seed_alone() -> None:
    pictures = [Picture("train", "ab"[n % 2], f"{n}") for n in range(100)]
    assert balanced(pictures, 10, seed=3) == balanced(pictures, 10, seed=3)
    assert balanced(pictures, 10, seed=3) != balanced(pictures, 10, seed=4)


def test_no_training_pictures_are_refused(opened) -> None:
    empty = replace(opened, pictures=tuple(picture for picture in opened.pictures if picture.split != "train"))
    with pytest.raises(InputRefused, match="no train pictures"):
        choose_calibration(empty, 10, seed=1)


def drawn(folder: Path, images: dict[str, Image.Image]) -> tuple[Picture, ...]:
    """Training pictures, alternately of the two classes, saved as PNG files."""
    pictures = []
    for number, (name, image) in enumerate(images.items()):
        image.save(folder / name)
        pictures.append(Picture("train", ("mono", "poly")[number % 2], name, digest((folder / name).read_bytes())))
    return tuple(pictures)


def covered_lens(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 3, (64, 64, 3)).astype(np.uint8))


@pytest.mark.parametrize(
    "images",
    [
        {"black.png": Image.new("RGB", (64, 64))},
        {"red.png": Image.new("RGB", (64, 64), (200, 10, 10)), "red too.png": Image.new("RGB", (80, 64), (200, 10, 10))},
        {"covered.png": covered_lens(1), "covered too.png": covered_lens(2)},
    ],
    ids=["black", "red", "covered lens"],
)
def test_pictures_of_one_colour_are_refused(opened, tmp_path, images) -> None:
    with pytest.raises(CheckFailed, match="one single colour"):
        choose_calibration(replace(opened, data=tmp_path, pictures=drawn(tmp_path, images)), 10, seed=1)


def test_a_content_that_is_a_test_picture_too_is_left_out_and_counted(opened) -> None:
    tested = opened.split("test")[:3]
    leaked = replace(opened, pictures=(*opened.pictures, *(replace(picture, split="train") for picture in tested)))
    calibration = choose_calibration(leaked, 1000, seed=1)
    assert calibration.left_out == 3
    assert not {picture.sha256 for picture in calibration.pictures} & {picture.sha256 for picture in opened.split("test")}
    assert len(calibration.pictures) == len(opened.split("train"))


def test_no_picture_that_is_not_tested_too_is_refused(opened) -> None:
    tested = opened.split("test")
    same = replace(opened, pictures=(*tested, *(replace(picture, split="train") for picture in tested)))
    with pytest.raises(InputRefused, match=f"all {len(tested)} training pictures is in the test split too"):
        choose_calibration(same, 10, seed=1)


def test_a_repeated_content_is_taken_once_and_counted(opened) -> None:
    pictures = opened.split("train")[:2]
    calibration = choose_calibration(replace(opened, pictures=(*pictures, *pictures, pictures[0])), 10, seed=1)
    assert (len(calibration.pictures), calibration.repeated) == (2, 3)


def test_poor_sets_are_doubted(opened, tmp_path) -> None:
    mono = next(picture for picture in opened.split("train") if picture.label == "mono")
    single, absent = choose_calibration(replace(opened, pictures=(mono,)), 10, seed=1).doubts
    assert "a single picture" in single
    assert "1 of 2 classes have no calibration picture ('poly')" in absent
    flat = drawn(tmp_path, {f"{level}.png": Image.new("RGB", (64, 64), (level, 0, 0)) for level in (0, 200)})
    assert choose_calibration(replace(opened, data=tmp_path, pictures=flat), 10, seed=1).doubts == (
        "2 of 2 calibration pictures are each one single colour",
    )
    assert choose_calibration(opened, 40, seed=1).doubts == ()


def test_the_id_is_of_pixels_and_their_order(opened) -> None:
    ids = {choose_calibration(opened, count, seed).id for count, seed in ((10, 1), (10, 2), (11, 1))}
    assert len(ids) == 3
    assert choose_calibration(opened, 10, seed=1).id in ids


def test_pixels_are_uint8_rgb_of_the_models_size(calibration: np.ndarray) -> None:
    assert calibration.shape == (40, 64, 64, 3)
    assert calibration.dtype == np.uint8
