"""Tests that contents of every size have the sha256 that other programs print."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from runtime.system.hashing import MAX_SMALL_BYTES, crc32_of, sha256_of


@pytest.mark.parametrize("size", [0, 1, MAX_SMALL_BYTES, MAX_SMALL_BYTES + 1])
def test_the_sha256_is_that_of_sha256sum(size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    done = subprocess.run(["sha256sum"], input=content, capture_output=True, check=True)
    assert sha256_of(content) == done.stdout.split()[0].decode()


def test_pixels_and_their_image_have_one_sha256() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert sha256_of(pixels) == sha256_of(Image.fromarray(pixels)) == sha256_of(bytes(range(48)))


def test_the_crc32_is_that_of_ieee_802_3_with_leading_zeros() -> None:
    assert crc32_of(b"123456789") == "cbf43926"
    assert crc32_of(b"") == "00000000"
