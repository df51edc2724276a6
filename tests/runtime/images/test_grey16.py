"""Tests 16-bit grey: its upper 8 bits, and a range that becomes 0 to 255."""

import json
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.errors import ImageRefused, InputRefused
from runtime.images.grey16 import count_values
from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.models.manifest import Manifest

VALUES = np.arange(7000, 7000 + 40 * 50, dtype=np.uint16).reshape(40, 50)
RANGE = (7100, 8900)


def encoded(values: np.ndarray, kind: str) -> bytes:
    content = BytesIO()
    Image.fromarray(values).save(content, kind)
    return content.getvalue()


def tiff(values: np.ndarray, order: str, sample_format: int) -> bytes:
    """Returns a TIFF of 16 bits a pixel, which Pillow cannot write with a sign or as big-endian."""
    data, (height, width) = values.astype(f"{order}i2").tobytes(), values.shape
    tags = [(256, width), (257, height), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(data)), (339, sample_format)]
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    header = mark + struct.pack(f"{order}I", 8 + len(data))
    return header + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def expected(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """Computes the rule in exact numbers: rounded, half up."""
    scaled = (np.clip(values.astype(np.int64), low, high) - low) * 255 * 2 + (high - low)
    return (scaled // (2 * (high - low))).astype(np.uint8)


@pytest.mark.parametrize(
    "content",
    [
        encoded(VALUES, "PNG"),
        encoded(VALUES, "TIFF"),
        encoded(VALUES, "PPM"),
        tiff(VALUES, "<", 1),
        tiff(VALUES, ">", 1),
    ],
    ids=["png", "tiff", "pgm", "little-endian", "big-endian"],
)
def test_range_becomes_0_to_255_and_without_one_the_upper_bits_stay(content: bytes) -> None:
    pixels = preprocess(content, Preprocessing(40, 50, grey16=RANGE))
    assert np.array_equal(pixels, expected(VALUES, *RANGE)[..., np.newaxis].repeat(3, 2))
    assert len(np.unique(pixels)) == 256
    upper = preprocess(content, Preprocessing(40, 50))
    assert np.array_equal(upper[..., 0], VALUES >> 8)


@pytest.mark.parametrize("order", "<>")
def test_signed_grey_needs_a_range_and_the_refusal_says_so(order: str) -> None:
    values = np.arange(-1000, 3000, 2, dtype=np.int16).reshape(40, 50)
    content = tiff(values, order, 2)
    with pytest.raises(ImageRefused, match="signed 16-bit grey .* --grey16 data-range"):
        preprocess(content, Preprocessing(40, 50))
    pixels = preprocess(content, Preprocessing(40, 50, grey16=(-800, 2000)))
    assert np.array_equal(pixels[..., 0], expected(values, -800, 2000))
    counts = count_values(Image.open(BytesIO(content)))
    assert (counts.sum(), np.count_nonzero(counts)) == (2000, 2000)


def test_images_of_8_bits_are_the_same_with_a_range(photo: Path) -> None:
    plain = preprocess(photo, Preprocessing(32, 32))
    assert np.array_equal(preprocess(photo, Preprocessing(32, 32, grey16=RANGE)), plain)


def test_range_is_in_a_manifest_only_if_there_is_one() -> None:
    fitted = Manifest("m", ("a", "b"), Preprocessing(8, 8, grey16=(-5, 900)))
    assert json.loads(fitted.to_json())["preprocessing"]["grey16"] == [-5, 900]
    assert Manifest.from_json(fitted.to_json(), "m").preprocessing == fitted.preprocessing
    plain = Manifest("m", ("a", "b"), Preprocessing(8, 8))
    assert "grey16" not in plain.to_json()
    assert Manifest.from_json(plain.to_json(), "m").preprocessing.grey16 is None


@pytest.mark.parametrize("text", ["[5]", "[5, 5]", "[9, 1]", "[0, 65536]", "[0, 1.5]", "[true, 7]"])
def test_range_that_is_none_is_refused(text: str) -> None:
    manifest = Manifest("m", ("a", "b"), Preprocessing(8, 8, grey16=(0, 1)))
    data = json.loads(manifest.to_json())
    data["preprocessing"]["grey16"] = json.loads(text)
    with pytest.raises(InputRefused, match="expected grey16 to be two whole numbers"):
        Manifest.from_json(json.dumps(data), "m")
