"""Tests that pixels and sides are limited by the header, before anything is decoded."""

import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.errors import ImageRefused
from runtime.images import decoding
from runtime.images.decoding import MAX_PIXELS, MAX_SIDE, decode
from runtime.images.preprocessing import Preprocessing, preprocess

ROOT = Path(__file__).parents[3]
BROAD = Preprocessing(224, 224)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


def white_png(width: int, height: int) -> bytes:
    """A whole 1-bit PNG, written without an image of that size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    pixels = zlib.compressobj(9)
    rows = (b"\0" + b"\xff" * -(-width // 8)) * min(height, 1000)
    packed = b"".join(pixels.compress(rows) for _ in range(max(1, height // 1000))) + pixels.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def jpeg_header(width: int, height: int) -> bytes:
    content = bytearray(encoded(noise(64, 64), "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def webp_header(width: int, height: int) -> bytes:
    content = bytearray(
        encoded(noise(64, 64), "WEBP", lossless=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    )
    place = content.index(b"VP8X") + 12
    content[place : place + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(
        3, "little"
    )
    return bytes(content)


BOMBS = {
    "pixels.png": white_png(9000, 9000),
    "wide.png": white_png(60_000_000, 1),
    "tall.png": white_png(1, 20_000_000),
    "huge.png": white_png(20_000, 10_000),
    "pixels.jpg": jpeg_header(15_000, 12_000),
    "huge.jpg": jpeg_header(60_000, 10_000),
    "canvas.webp": webp_header(16_000, 16_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BOMBS[name])
    assert len(BOMBS[name]) < 50_000
    with pytest.raises(ImageRefused, match=name):
        preprocess(tmp_path / name, BROAD)


def test_bombs_are_refused_from_the_header_without_memory(tmp_path: Path) -> None:
    """A decoded bomb takes 180 MB and more."""
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content)
    code = """
import resource, sys
from pathlib import Path
from runtime import Preprocessing, preprocess
from runtime.errors import ImageRefused
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, refused = peak(), 0
for path in Path(sys.argv[1]).iterdir():
    try:
        preprocess(path, Preprocessing(224, 224))
    except ImageRefused:
        refused += 1
print(refused, (peak() - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    refused, grown_mb = map(int, done.stdout.split())
    assert refused == len(BOMBS)
    assert grown_mb < 40
    assert done.stderr == ""


def test_limits_are_where_they_are_written() -> None:
    assert decode(encoded(Image.new("1", (MAX_SIDE, 1))), BROAD.decode_side).size == (MAX_SIDE, 1)
    for width, height in ((MAX_SIDE + 1, 1), (8001, MAX_PIXELS // 8000)):
        with pytest.raises(ImageRefused, match=f"{width}x{height} pixels"):
            decode(white_png(width, height), BROAD.decode_side)


def test_large_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, plain = 0, 0, decoding.upright_rgb

    def slow(image: Image.Image, _: object) -> Image.Image:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.02)
        at_once -= 1
        return plain(image)

    monkeypatch.setattr(decoding, "upright_rgb", slow)
    content = encoded(noise(100, 80))
    for limit, expected in ((7999, {1}), (8000, {2, 3, 4})):
        monkeypatch.setattr("runtime.images.decoding.LARGE_PIXELS", limit)
        most = 0
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: decode(content, BROAD.decode_side), range(12)))
        assert most in expected
