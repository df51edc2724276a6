"""Checks crop, pad and squash of runtime.images.preprocessing on images of any shape."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from runtime.images.preprocessing import Preprocessing, preprocess

RED, GREEN, BLUE, YELLOW, GREY = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (127, 127, 127),
)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def patches() -> Image.Image:
    """Returns 400x200: a red quarter, half green above blue, and a yellow quarter."""
    image = Image.new("RGB", (400, 200), GREEN)
    image.paste(RED, (0, 0, 100, 200))
    image.paste(BLUE, (100, 100, 300, 200))
    image.paste(YELLOW, (300, 0, 400, 200))
    return image


def colour(pixels: np.ndarray, row: int, column: int) -> tuple[int, ...]:
    return tuple(pixels[row, column].tolist())


def test_crop_takes_the_centred_square_and_nothing_else() -> None:
    pixels = preprocess(patches(), Preprocessing(50, 50, "crop"))
    assert pixels.shape == (50, 50, 3)
    assert pixels.dtype == np.uint8
    assert (pixels[:23, 1:49] == GREEN).all()
    assert (pixels[27:, 1:49] == BLUE).all()


def test_crop_of_a_tall_image_takes_the_middle_rows() -> None:
    pixels = preprocess(patches().rotate(90, expand=True), Preprocessing(50, 50, "crop"))
    assert (pixels[1:49, :23] == GREEN).all()
    assert (pixels[1:49, 27:] == BLUE).all()


def test_crop_to_a_wide_target_keeps_the_whole_wide_image() -> None:
    pixels = preprocess(patches(), Preprocessing(height=50, width=100, fit="crop"))
    assert pixels.shape == (50, 100, 3)
    assert colour(pixels, 25, 0) == RED
    assert colour(pixels, 25, 99) == YELLOW
    assert colour(pixels, 5, 50) == GREEN


def test_pad_keeps_all_and_adds_equal_grey_borders() -> None:
    pixels = preprocess(patches(), Preprocessing(100, 100, "pad"))
    assert (pixels[:25] == GREY).all()
    assert (pixels[75:] == GREY).all()
    assert colour(pixels, 50, 2) == RED
    assert colour(pixels, 50, 97) == YELLOW
    assert colour(pixels, 30, 50) == GREEN
    assert colour(pixels, 70, 50) == BLUE


def test_squash_shows_the_whole_image_in_the_whole_target() -> None:
    pixels = preprocess(patches(), Preprocessing(100, 100, "squash"))
    assert (pixels[:, :24] == RED).all()
    assert (pixels[:, 76:] == YELLOW).all()
    assert (pixels[:48, 27:73] == GREEN).all()
    assert (pixels[52:, 27:73] == BLUE).all()


@pytest.mark.parametrize(("side", "target"), [(29, 7), (58, 7), (2037, 480)])
def test_crop_works_where_the_box_rounds_past_the_image(side: int, target: int) -> None:
    assert preprocess(Image.new("RGB", (side, side + 1)), Preprocessing(target, target)).shape == (
        target,
        target,
        3,
    )


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("size", [(1, 1), (20_000, 3), (3, 20_000)])
def test_extreme_shapes_are_accepted(size: tuple[int, int], fit: str) -> None:
    assert preprocess(encoded(Image.new("RGB", size, RED)), Preprocessing(64, 64, fit)).shape == (
        64,
        64,
        3,
    )


def test_downscaling_is_antialiased() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = preprocess(Image.fromarray(stripes), Preprocessing(64, 64))
    assert np.abs(pixels.astype(int) - 127).max() <= 8, (
        "a resizer that skips pixels shows black or white stripes"
    )
