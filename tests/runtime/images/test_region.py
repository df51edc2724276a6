"""Tests regions: the same pixels from file, content and frame, and what is refused."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from runtime.errors import InputRefused
from runtime.images.decoding import open_image
from runtime.images.preprocessing import Fit, Preprocessing, preprocess
from runtime.images.region import crop_region, read_region, region_text
from runtime.models.manifest import Manifest

REGION = read_region("0.25,0.1,0.5,0.4")


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("channels", [3, 1])
def test_file_content_frame_and_cropped_image_give_the_same_pixels(
    photo: Path, tmp_path: Path, fit: Fit, channels: int
) -> None:
    """A camera's frame arrives decoded; a collected image may be cut before it is saved."""
    whole = Preprocessing(24, 32, fit, channels)
    part = replace(whole, region=REGION)
    frame = Image.open(photo).convert("RGB")
    file = tmp_path / "frame.png"
    file.write_bytes(encoded(frame))
    expected = preprocess(frame, part)
    assert np.array_equal(preprocess(file, part), expected)
    assert np.array_equal(preprocess(file.read_bytes(), part), expected)
    assert np.array_equal(preprocess(open_image(file.read_bytes(), "frame"), part), expected)
    assert np.array_equal(preprocess(encoded(crop_region(frame, REGION)), whole), expected)
    assert not np.array_equal(preprocess(frame, whole), expected)


def test_jpeg_is_decoded_at_a_scale_that_is_twice_the_target_within_the_region() -> None:
    content = encoded(Image.effect_mandelbrot((1600, 1600), (-2, -2, 2, 2), 50), "JPEG")
    whole = Preprocessing(100, 100)
    assert whole.decode(content).size == (200, 200)
    part = replace(whole, region=(0.5, 0.5, 0.25, 0.5))
    assert part.decode(content).size == (800, 800)
    assert crop_region(part.decode(content), part.region).size == (200, 400)


def test_jpeg_frame_of_a_camera_has_the_pixels_of_the_file(camera_jpegs: Path) -> None:
    """A camera decodes frames at full size; a file that is much larger than needed is not."""
    large = camera_jpegs / "image-rs_test.jpg"
    usual = encoded(Image.open(large).resize((1920, 1080)), "JPEG", quality=90)
    part = Preprocessing(224, 224, region=REGION)
    for content, limit in ((usual, 0.0), (large.read_bytes(), 0.3)):
        frame = open_image(content, "frame")
        frame.load()
        difference = preprocess(frame, part).astype(int) - preprocess(content, part)
        assert np.abs(difference).mean() <= limit


def test_region_is_of_the_upright_image() -> None:
    image = Image.new("RGB", (80, 40), "blue")
    image.paste("red", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # shown after a turn to the right: red is above
    content = encoded(image, exif=exif)
    pixels = preprocess(content, Preprocessing(4, 4, region=(0, 0, 1, 0.5)))
    assert np.array_equal(np.unique(pixels.reshape(-1, 3), axis=0), [[255, 0, 0]])


@pytest.mark.parametrize("size", [(640, 480), (3, 2), (1, 1), (20_000, 1)])
def test_region_is_at_least_a_pixel_of_any_size(size: tuple[int, int]) -> None:
    for region in ((0.99, 0.99, 0.01, 0.01), (0, 0, 0.01, 0.01), (0.7, 0.7, 0.3, 0.3)):
        part = crop_region(Image.new("RGB", size), region)
        assert min(part.size) >= 1
        assert part.width <= size[0]
        assert part.height <= size[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0,0,1",
        "a,b,c,d",
        "0.5,0,0.6,1",
        "0,0.5,1,0.6",
        "-0.1,0,1,1",
        "0,0,0,1",
        "nan,0,1,1",
        "0,0,1,inf",
        "0,0,1,1,1",
        "100,50,320,240",
        "0,0,0.001,1",
    ],
)
def test_region_outside_the_image_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputRefused, match="--region: expected X,Y,W,H as fractions") as refusal:
        read_region(text)
    assert "\n" not in str(refusal.value)


def test_manifest_has_a_region_only_if_it_is_not_the_whole_image() -> None:
    part = Manifest("m", ("a", "b"), Preprocessing(8, 8, region=REGION))
    assert json.loads(part.to_json())["preprocessing"]["region"] == [0.25, 0.1, 0.5, 0.4]
    assert Manifest.from_json(part.to_json(), "m") == part
    whole = Manifest("m", ("a", "b"), Preprocessing(8, 8, region=(0, 0, 1, 1)))
    assert "region" not in whole.to_json(), "so that earlier versions read it"


@pytest.mark.parametrize(
    "value",
    ["[0, 0, 1]", "[0, 0, 2, 1]", '"0,0,1,1"', "[true, 0, 1, 1]", "[0, 0, 1, 1%s]" % ("0" * 400)],
)
def test_damaged_region_of_a_manifest_is_refused(value: str) -> None:
    data = json.loads(Manifest("m", ("a", "b"), Preprocessing(8, 8, region=REGION)).to_json())
    data["preprocessing"]["region"] = json.loads(value)
    with pytest.raises(InputRefused, match="expected X,Y,W,H"):
        Manifest.from_json(json.dumps(data), "m")


def test_text_of_a_region_is_read_back() -> None:
    assert read_region(region_text(REGION)) == REGION
    assert read_region("0.7,0.7,0.3,0.3") == (0.7, 0.7, 0.3, 0.3), "a sum just over 1"
