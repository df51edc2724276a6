"""The representative dataset comes from the training split, evenly over the classes."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from export.calibration import choose_calibration
from export.trained import balanced
from runtime.errors import CheckFailed, InputRefused
from runtime.preprocess import digest, preprocess
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


def test_pictures_of_one_colour_are_refused(opened, tmp_path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    black = Picture("train", "mono", "black.png", digest((tmp_path / "black.png").read_bytes()))
    with pytest.raises(CheckFailed, match="one single colour"):
        choose_calibration(replace(opened, data=tmp_path, pictures=(black,)), 10, seed=1)


def test_pixels_are_uint8_rgb_of_the_models_size(calibration: np.ndarray) -> None:
    assert calibration.shape == (40, 64, 64, 3)
    assert calibration.dtype == np.uint8
