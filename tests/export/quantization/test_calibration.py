"""Checks that the representative dataset comes from the training split, evenly over the classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.inputs.trained_run import stratified_sample
from export.quantization.calibration import choose_calibration
from runtime.errors import CheckFailed, InputRefused
from runtime.images.preprocessing import preprocess
from runtime.system.hashing import sha256_of
from workstation.run_folder import ImageRecord


def test_images_come_from_the_training_split_only(opened) -> None:
    pixels = {sha256_of(image) for image in choose_calibration(opened, 1000, seed=1).pixels}

    def split(name):
        return {
            sha256_of(preprocess(opened.read(image), opened.manifest.preprocessing))
            for image in opened.split(name)
        }

    assert pixels == split("train")
    assert not pixels & (split("test") | split("val"))


def test_choice_is_even_over_classes_if_one_is_rare() -> None:
    images = [ImageRecord("train", "common", f"{n}") for n in range(100)] + [
        ImageRecord("train", "rare", f"r{n}") for n in range(5)
    ]
    chosen = [image.label for image in stratified_sample(images, 10, seed=3)]
    assert (chosen.count("common"), chosen.count("rare")) == (5, 5)
    assert len(stratified_sample(images, 1000, seed=3)) == 105


def test_choice_depends_on_the_seed_alone() -> None:
    images = [ImageRecord("train", "ab"[n % 2], f"{n}") for n in range(100)]
    assert stratified_sample(images, 10, seed=3) == stratified_sample(images, 10, seed=3)
    assert stratified_sample(images, 10, seed=3) != stratified_sample(images, 10, seed=4)


def test_no_training_images_are_refused(opened) -> None:
    empty = replace(
        opened, images=tuple(image for image in opened.images if image.split != "train")
    )
    with pytest.raises(InputRefused, match="no train images"):
        choose_calibration(empty, 10, seed=1)


def drawn(folder: Path, named_images: dict[str, Image.Image]) -> tuple[ImageRecord, ...]:
    """Saves PNG files and returns them as training images, alternately of the two classes."""
    images = []
    for number, (name, image) in enumerate(named_images.items()):
        image.save(folder / name)
        images.append(
            ImageRecord(
                "train", ("mono", "poly")[number % 2], name, sha256_of((folder / name).read_bytes())
            )
        )
    return tuple(images)


def covered_lens(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 3, (64, 64, 3)).astype(np.uint8))


@pytest.mark.parametrize(
    "named_images",
    [
        {"black.png": Image.new("RGB", (64, 64))},
        {
            "red.png": Image.new("RGB", (64, 64), (200, 10, 10)),
            "red too.png": Image.new("RGB", (80, 64), (200, 10, 10)),
        },
        {"covered.png": covered_lens(1), "covered too.png": covered_lens(2)},
    ],
    ids=["black", "red", "covered lens"],
)
def test_images_of_one_colour_are_refused(opened, tmp_path, named_images) -> None:
    with pytest.raises(CheckFailed, match="one single colour"):
        choose_calibration(
            replace(opened, data=tmp_path, images=drawn(tmp_path, named_images)), 10, seed=1
        )


def test_a_content_that_is_also_a_test_image_is_left_out_and_counted(opened) -> None:
    tested = opened.split("test")[:3]
    leaked = replace(
        opened, images=(*opened.images, *(replace(image, split="train") for image in tested))
    )
    calibration = choose_calibration(leaked, 1000, seed=1)
    assert calibration.left_out == 3
    assert not {image.sha256 for image in calibration.images} & {
        image.sha256 for image in opened.split("test")
    }
    assert len(calibration.images) == len(opened.split("train"))


def test_training_images_that_are_all_test_images_are_refused(opened) -> None:
    tested = opened.split("test")
    same = replace(opened, images=(*tested, *(replace(image, split="train") for image in tested)))
    with pytest.raises(
        InputRefused, match=f"all {len(tested)} training images is in the test split too"
    ):
        choose_calibration(same, 10, seed=1)


def test_a_repeated_content_is_taken_once_and_counted(opened) -> None:
    images = opened.split("train")[:2]
    calibration = choose_calibration(
        replace(opened, images=(*images, *images, images[0])), 10, seed=1
    )
    assert (len(calibration.images), calibration.repeated) == (2, 3)


def test_the_id_depends_on_pixels_and_their_order(opened) -> None:
    ids = {
        choose_calibration(opened, count, seed).id for count, seed in ((10, 1), (10, 2), (11, 1))
    }
    assert len(ids) == 3
    assert choose_calibration(opened, 10, seed=1).id in ids


def test_pixels_are_uint8_rgb_of_the_models_size(calibration: np.ndarray) -> None:
    assert calibration.shape == (40, 64, 64, 3)
    assert calibration.dtype == np.uint8
