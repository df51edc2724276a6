"""Tests the images that the live page sends, and their JSON."""

import io
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from runtime.answer import Prediction
from runtime.monitor.live_page.frame_broker import PageState, encode
from runtime.monitor.live_page.json_status import stale_after_s, status_fields
from runtime.monitor.live_page.page_update import PageUpdate


def decoded(image: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(encode(image)))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (640, 480)),
        ((4000, 3000), (800, 600)),
        ((20000, 3), (800, 1)),
        ((1, 1), (1, 1)),
    ],
)
def test_images_are_sent_at_800_pixels_at_most(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert decoded(Image.new("RGB", size)).size == expected


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 90, (90, 90, 90)),
        ("RGBA", (200, 0, 0, 255), (200, 0, 0)),
        ("CMYK", (0, 0, 0, 0), (255, 255, 255)),
        ("1", 1, (255, 255, 255)),
    ],
)
def test_images_of_every_mode_can_be_sent(
    mode: str, colour, expected: tuple[int, int, int]
) -> None:
    pixel = decoded(Image.new(mode, (40, 40), colour)).getpixel((20, 20))
    assert np.abs(np.array(pixel) - expected).max() <= 3


def test_images_are_sent_upright() -> None:
    image = Image.new("RGB", (60, 20))
    image.getexif()[0x0112] = 6
    assert decoded(image).size == (20, 60)


def test_the_image_shown_is_not_changed() -> None:
    image = Image.new("RGB", (1600, 800), "red")
    encode(image)
    assert (image.size, image.getpixel((3, 3))) == ((1600, 800), (255, 0, 0))


def test_only_five_of_a_thousand_classes_are_sent(frame: Callable[..., PageUpdate]) -> None:
    predictions = tuple(Prediction(f"class {number}", 0.5) for number in range(1000))
    fields = status_fields(PageState(1, frame(predictions=predictions), "running"))
    assert len(fields["predictions"]) == 5
    assert fields["more"] == 995


def test_age_is_of_the_frame_and_never_negative(frame: Callable[..., PageUpdate]) -> None:
    def age_ms(offset_s: float) -> int:
        update = frame(arrived_s=time.monotonic() + offset_s)
        return status_fields(PageState(1, update, "running"))["age_ms"]

    assert 5000 <= age_ms(-5) < 25_000
    assert age_ms(5) == 0


@pytest.mark.parametrize(
    ("fps", "seconds"),
    [(30.0, 2.0), (1.0, 3.0), (0.25, 12.0), (0.15, 15.0), (0.01, 150.0), (0.0, 2.0)],
)
def test_a_slow_camera_is_not_called_stale_between_two_frames(fps: float, seconds: float) -> None:
    assert stale_after_s(fps) == seconds
