"""runtime.live.board and words: pictures as they are sent, and what is said of them."""

import io
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from runtime.classifier import Prediction
from runtime.live import Shown
from runtime.live.board import Version, encode
from runtime.live.words import describe, stale_after_s


def decoded(image: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(encode(image)))


@pytest.mark.parametrize(
    ("size", "wanted"), [((640, 480), (640, 480)), ((4000, 3000), (800, 600)), ((20000, 3), (800, 1)), ((1, 1), (1, 1))]
)
def test_pictures_are_sent_at_800_pixels_at_most(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert decoded(Image.new("RGB", size)).size == wanted


@pytest.mark.parametrize(
    ("mode", "colour", "wanted"),
    [("L", 90, (90, 90, 90)), ("RGBA", (200, 0, 0, 255), (200, 0, 0)), ("CMYK", (0, 0, 0, 0), (255, 255, 255)), ("1", 1, (255, 255, 255))],
)
def test_pictures_of_every_mode_can_be_sent(mode: str, colour, wanted: tuple[int, int, int]) -> None:
    assert np.abs(np.array(decoded(Image.new(mode, (40, 40), colour)).getpixel((20, 20))) - wanted).max() <= 3


def test_pictures_are_sent_upright() -> None:
    image = Image.new("RGB", (60, 20))
    image.getexif()[0x0112] = 6
    assert decoded(image).size == (20, 60)


def test_the_picture_shown_is_not_changed() -> None:
    image = Image.new("RGB", (1600, 800), "red")
    encode(image)
    assert (image.size, image.getpixel((3, 3))) == ((1600, 800), (255, 0, 0))


def test_a_thousand_classes_are_told_as_five(frame: Callable[..., Shown]) -> None:
    shown = frame(predictions=tuple(Prediction(f"class {number}", 0.5) for number in range(1000)))
    told = describe(Version(1, shown, "running"))
    assert len(told["predictions"]) == 5
    assert told["more"] == 995


def test_age_is_of_the_frame_and_never_negative(frame: Callable[..., Shown]) -> None:
    assert 5000 <= describe(Version(1, frame(taken=time.monotonic() - 5), "running"))["age_ms"] < 25_000
    assert describe(Version(1, frame(taken=time.monotonic() + 5), "running"))["age_ms"] == 0


@pytest.mark.parametrize(("fps", "seconds"), [(30.0, 2.0), (1.0, 3.0), (0.25, 12.0), (0.01, 15.0), (0.0, 2.0)])
def test_a_slow_camera_is_not_called_stale_between_two_frames(fps: float, seconds: float) -> None:
    assert stale_after_s(fps) == seconds
