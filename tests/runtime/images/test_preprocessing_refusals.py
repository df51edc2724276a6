"""Tests that a file that is no image is refused by name, with a reason, and starts no program."""

import os
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from runtime.errors import ImageRefused
from runtime.images.decoding import read_image
from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.system.terminal import say

BROAD = Preprocessing(224, 224)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
BROKEN = {
    "empty.jpg": (b"", "empty file"),
    "text.jpg": (b"hello", "not an image"),
    "eps.jpg": (EPS, "not an image"),
    "pdf.jpg": (b"%PDF-1.4\n", "not an image"),
    "phone.jpg": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC, AVIF or video file; save it as JPEG"),
    "cut.jpg": (encoded(noise(200, 200), "JPEG")[:9000], "broken .*truncated"),
    "cut.png": (encoded(noise(200, 200))[:9000], "broken"),
    "cut.gif": (encoded(noise(200, 200).convert("P"), "GIF")[:3000], "broken"),
    "cut.webp": (encoded(noise(200, 200), "WEBP")[:3000], "broken|not an image"),
    "cut.tif": (encoded(noise(200, 200), "TIFF")[:3000], "broken|not an image"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused_with_its_name_and_a_reason(tmp_path: Path, name: str) -> None:
    content, reason = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageRefused, match=reason) as refusal:
        preprocess(tmp_path / name, BROAD)
    assert refusal.value.thing == str(tmp_path / name)


def test_flipped_bits_are_refused_or_decoded_but_never_a_crash(photo: Path) -> None:
    content, random, refused = photo.read_bytes(), np.random.default_rng(7), 0
    for _ in range(60):
        broken = bytearray(content)
        broken[random.integers(len(broken))] ^= 1 << int(random.integers(8))
        try:
            assert preprocess(bytes(broken), BROAD).shape == (224, 224, 3)
        except ImageRefused:
            refused += 1
    assert refused > 30, "PNG has checksums: most flips are to be noticed"


def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for path in (tmp_path / "fifo.jpg", tmp_path / "zero.jpg", tmp_path):
        with pytest.raises(ImageRefused, match=r"not a regular file|Is a directory"):
            preprocess(path, BROAD)


def test_missing_dangling_and_looping_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, reason in (
        ("missing", "No such file"),
        ("dangling", "No such file"),
        ("loop", "symbolic links"),
        ("n" * 300, "too long"),
    ):
        with pytest.raises(ImageRefused, match=reason):
            read_image(tmp_path / name)
    with pytest.raises(ImageRefused, match="null byte"):
        read_image(tmp_path / "a\0b")


def test_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(8 * 2**30)
    with pytest.raises(ImageRefused, match="8589934592 bytes"):
        read_image(tmp_path / "sparse.jpg")


def test_eps_named_jpg_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow alone runs Ghostscript for it, here one that says so."""
    (tmp_path / "gs").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/started\n')
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    (tmp_path / "image.jpg").write_bytes(EPS)
    with pytest.raises(ImageRefused, match="not an image"):
        preprocess(tmp_path / "image.jpg", BROAD)
    assert not (tmp_path / "started").exists()
    with suppress(OSError), Image.open(tmp_path / "image.jpg") as image:
        image.load()
    assert (tmp_path / "started").exists(), "without this the test proves nothing"


def broken_tiffs() -> list[bytes]:
    """One that its decompressor complains of, and one of absurd many samples a pixel."""
    content = bytearray(encoded(noise(200, 200), "TIFF", compression="tiff_adobe_deflate"))
    content[1000:1100] = bytes(100)
    samples = content.index(struct.pack("<HHI", 277, 3, 1))
    many = bytearray(content)
    many[samples + 8 : samples + 10] = b"\xff\xff"
    return [bytes(content), bytes(many)]


@pytest.mark.parametrize("content", broken_tiffs(), ids=["data", "samples"])
def test_broken_tiff_is_refused_in_silence(
    content: bytes, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUINCE_DEBUG", raising=False)
    with pytest.raises(ImageRefused):
        preprocess(content, BROAD)
    assert capfd.readouterr().err == ""


def test_refusals_are_printed_while_threads_decode_tiffs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUINCE_DEBUG", raising=False)
    content, lines = broken_tiffs()[0], [f"line {index}" for index in range(300)]

    def decode_some(_: int) -> None:
        for _ in range(100):
            with pytest.raises(ImageRefused):
                preprocess(content, BROAD)

    with ThreadPoolExecutor(3) as pool:
        decoding = pool.map(decode_some, range(3))
        for line in lines:
            say(line)
            time.sleep(0.001)
        list(decoding)
    say("last")
    assert capfd.readouterr().err.splitlines() == [*lines, "last"]


@pytest.mark.parametrize("broken", ["signature alone", "no chunk", "checksum"])
def test_png_whose_header_is_broken_is_no_image(broken: str) -> None:
    """A PNG goes straight to its decoder, and still is refused as `Image.open` refuses it."""
    content = encoded(Image.new("RGB", (4, 4)))
    damaged = {
        "signature alone": content[:8],
        "no chunk": content[:8] + bytes(50),
        "checksum": content[:29] + bytes(4) + content[33:],
    }[broken]
    with pytest.raises(ImageRefused, match="not an image"):
        preprocess(damaged, Preprocessing(8, 8))
