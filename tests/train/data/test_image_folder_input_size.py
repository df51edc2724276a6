"""Tests the choice of the input size."""

from pathlib import Path

import pytest
from PIL import Image

from train.data.image_folder import choose_input_size, scan_image_folder


def _files(tmp_path: Path, *sizes: tuple[int, int]) -> list[Path]:
    for number, size in enumerate(sizes):
        Image.new("RGB", size, "green").save(tmp_path / f"{number:03}.png")
    return sorted(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((300, 300), 224),
        ((4000, 224), 224),
        ((100, 100), 96),
        ((640, 96), 96),
        ((96, 640), 96),
        ((95, 640), 64),
        ((20, 20), 32),
    ],
)
def test_size_is_a_multiple_of_32_not_above_the_images_nor_the_backbones(
    tmp_path: Path, size, expected: int
) -> None:
    assert choose_input_size(_files(tmp_path, *[size] * 3), 224) == expected


def test_backbone_of_a_smaller_native_size_is_not_stretched(tmp_path: Path) -> None:
    assert choose_input_size(_files(tmp_path, (300, 300)), 96) == 96


def test_backbone_that_takes_no_small_image_gets_the_multiple_of_32_above(tmp_path: Path) -> None:
    assert choose_input_size(_files(tmp_path, (70, 70)), 299, 71) == 96


def test_a_few_odd_sizes_do_not_decide(tmp_path: Path) -> None:
    assert choose_input_size(_files(tmp_path, (8, 8), *[(130, 130)] * 5, (5000, 5000)), 224) == 128


def test_files_that_are_no_images_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "000.jpg").write_text("x")
    (tmp_path / "empty.png").touch()
    assert choose_input_size(_files(tmp_path, (100, 100)), 224) == 32 * 3
    assert choose_input_size(_files(tmp_path, (100, 100)), 64) == 64


def test_folder_without_an_image_gets_the_native_size(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert choose_input_size(list(tmp_path.iterdir()), 224) == 224


def test_fruits_of_100_pixels_are_trained_at_96(fruits: Path) -> None:
    assert choose_input_size(scan_image_folder(fruits).files(), 224) == 96
