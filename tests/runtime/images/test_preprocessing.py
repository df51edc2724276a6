"""Tests preprocessing on real photos: upright, decoded small, equal from path and content."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import decode, decoded_size, header_size
from runtime.images.preprocessing import Preprocessing, preprocess, resize
from runtime.images.upright import upright_rgb
from runtime.system.hashing import sha256_of

BROAD = Preprocessing(224, 224)


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_every_exif_orientation_gives_the_upright_image(
    camera_jpegs: Path, kind: str, orientation: int
) -> None:
    """The files are separate JPEG encodings, up to 1.4 of 255 apart on average.

    Not turned upright they are 38 and more apart.
    """
    folder = camera_jpegs / "exif_orientation_examples"
    upright = preprocess(folder / f"{kind}_1.jpg", BROAD)
    assert mean_difference(preprocess(folder / f"{kind}_{orientation}.jpg", BROAD), upright) < 2


@pytest.mark.parametrize(
    "name",
    ["image-rs_test.jpg", "iphone7_9mp_exif6/IMG_5874.JPG", "iphone7_9mp_exif6/IMG_5978.JPG"],
)
def test_big_jpeg_is_decoded_small_and_stays_close_to_the_full_decode(
    camera_jpegs: Path, name: str
) -> None:
    content = (camera_jpegs / name).read_bytes()
    with Image.open(BytesIO(content)) as whole:
        drafted = decode(content, BROAD.decode_side)
        assert max(drafted.size) < max(whole.size) / 2
        assert min(drafted.size) >= 2 * 224
        assert mean_difference(resize(drafted, BROAD), resize(upright_rgb(whole), BROAD)) < 0.3


def test_small_jpeg_is_not_scaled_by_the_decoder() -> None:
    content = encoded(noise(400, 300), "JPEG")
    assert decode(content, Preprocessing(151, 100).decode_side).size == (400, 300)
    assert decode(content, Preprocessing(75, 75).decode_side).size == (200, 150)


def test_decoded_size_is_that_of_the_decoder_at_its_scale() -> None:
    for kind, expected in (("JPEG", (250, 150)), ("PNG", (1000, 600))):
        buffer = BytesIO()
        Image.new("RGB", (1000, 600)).save(buffer, kind)
        assert decoded_size(buffer.getvalue(), 120) == expected
        assert decode(buffer.getvalue(), 120).size == expected
    with pytest.raises(ImageRefused):
        decoded_size(b"no image", 120)


def test_header_size_reads_a_cut_file_and_refuses_none() -> None:
    assert header_size(encoded(noise(200, 100))[:500]) == (200, 100)
    with pytest.raises(ImageRefused):
        header_size(b"hello")


def test_path_text_content_and_image_give_identical_pixels(photo: Path) -> None:
    pixels = [
        preprocess(form, BROAD)
        for form in (photo, str(photo), photo.read_bytes(), Image.open(photo))
    ]
    assert len({sha256_of(array) for array in pixels}) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"height": 0},
        {"height": 5000},
        {"width": "8"},
        {"width": 8.0},
        {"width": True},
        {"fit": "stretch"},
        {"fit": []},
    ],
)
def test_preprocessing_refuses_what_it_cannot_do(wrong: dict[str, object]) -> None:
    with pytest.raises(InputRefused, match=next(iter(wrong))):
        Preprocessing(**{"height": 8, "width": 8, **wrong})
