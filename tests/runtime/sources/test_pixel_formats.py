"""Tests the colours of a camera's buffers, and the mode that is requested from it."""

import io

import numpy as np
import pytest
from PIL import Image

from runtime.errors import ImageRefused, MachineError
from runtime.sources.pixel_formats import BufferLayout, to_image
from runtime.sources.video_mode import OfferedFormat, SizeRange, choose_mode

WIDTH, HEIGHT = 4, 2
COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
}


def bt601(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Returns what a camera sends for a colour (ITU-R BT.601, luma in 16..235)."""
    red, green, blue = (value / 255 for value in colour)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(16 + 219 * luma),
        round(128 + 112 * (blue - luma) / 0.886),
        round(128 + 112 * (red - luma) / 0.701),
    )


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("pixels", ["YUYV", "UYVY", "RGB24", "BGR24"])
def test_known_patch_has_its_colour_in_every_raw_format(
    pixels: str, colour: str, padding: int
) -> None:
    red, green, blue = COLOURS[colour]
    y, u, v = bt601(COLOURS[colour])
    pair = {
        "YUYV": (y, u, y, v),
        "UYVY": (u, y, v, y),
        "RGB24": (red, green, blue) * 2,
        "BGR24": (blue, green, red) * 2,
    }[pixels]
    row = bytes(pair * (WIDTH // 2)) + b"\x99" * padding
    image = to_image(row * HEIGHT, BufferLayout(pixels, WIDTH, HEIGHT, len(row)), "camera")
    assert (image.mode, image.size) == ("RGB", (WIDTH, HEIGHT))
    assert np.abs(np.asarray(image, int) - COLOURS[colour]).max() <= 2


def test_neighbouring_pixels_keep_their_places() -> None:
    content = bytes([16, 128, 235, 128, 235, 128, 16, 128, 235, 128, 235, 128, 16, 128, 16, 128])
    image = to_image(content, BufferLayout("YUYV", 4, 2, 8), "camera").convert("L")
    assert np.asarray(image).tolist() == [[0, 255, 255, 0], [255, 255, 0, 0]]


def test_grey_stays_grey_and_jpeg_is_opened() -> None:
    assert to_image(
        bytes([0, 9, 255, 7]), BufferLayout("GREY", 2, 2, 2), "camera"
    ).tobytes() == bytes([0, 9, 255, 7])
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG")
    assert to_image(out.getvalue() + bytes(100), BufferLayout("MJPEG", 8, 8, 0), "camera").getpixel(
        (4, 4)
    ) == (254, 0, 0)


@pytest.mark.parametrize("pixels", ["YUYV", "RGB24", "GREY", "MJPEG"])
def test_short_buffer_is_refused(pixels: str) -> None:
    with pytest.raises(ImageRefused, match="camera"):
        to_image(bytes(5), BufferLayout(pixels, 4, 2, 0), "camera")


def only(width: int, height: int) -> SizeRange:
    return SizeRange((width, height), (width, height), (1, 1))


@pytest.mark.parametrize(
    ("offered", "choice"),
    [
        (
            [
                OfferedFormat("YUYV", (only(640, 480),)),
                OfferedFormat("MJPEG", (only(1920, 1080), only(640, 480), only(320, 240))),
            ],
            ("MJPEG", 640, 480, 30),
        ),
        ([OfferedFormat("MJPEG", (only(320, 240), only(160, 120)))], ("MJPEG", 320, 240, 30)),
        (
            [OfferedFormat("YUYV", (only(1280, 720), only(800, 600), only(640, 360)))],
            ("YUYV", 800, 600, 15),
        ),
        (
            [OfferedFormat("H264", (only(640, 480),)), OfferedFormat("GREY", (only(640, 480),))],
            ("GREY", 640, 480, 15),
        ),
        ([OfferedFormat("YUYV", ())], ("YUYV", 640, 480, 15)),
        (
            [OfferedFormat("YUYV", (SizeRange((32, 32), (4096, 3072), (2, 2)),))],
            ("YUYV", 640, 480, 15),
        ),
        (
            [OfferedFormat("YUYV", (SizeRange((48, 32), (4096, 3072), (100, 64)),))],
            ("YUYV", 648, 480, 15),
        ),
        (
            [OfferedFormat("YUYV", (SizeRange((16, 16), (320, 200), (0, 0)),))],
            ("YUYV", 320, 200, 15),
        ),
    ],
)
def test_smallest_sufficient_size_of_the_cheapest_format_is_requested(
    offered: list[OfferedFormat], choice: tuple[object, ...]
) -> None:
    assert choose_mode(offered, "camera") == choice


def test_error_for_a_camera_without_a_supported_format_lists_its_formats() -> None:
    with pytest.raises(MachineError, match="expected one of the pixel formats MJPEG.*found H264"):
        choose_mode([OfferedFormat("H264", (only(640, 480),))], "camera")
