"""A USB camera whose kernel side is real: uvcvideo, the driver of USB cameras, on a device that a program plays (inside/usb_camera.py).

It offers MJPEG without Huffman tables, as USB cameras send it, and YUY2.
"""

import numpy as np
import pytest

BARS = np.array(((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0)))
NEAR = 6


def near(found: list[list[int]]) -> bool:
    return bool(np.abs(np.array(found) - BARS).max() <= NEAR)


def test_mjpeg_is_preferred_at_the_smallest_size_that_is_enough(found) -> None:
    told = found("usb_formats")
    assert told["driver"] == ["uvcvideo", "Test camera"]
    assert [pixels for pixels, _ in told["formats"]] == ["MJPEG", "YUYV"]
    assert told["chosen"] == ["MJPEG", 640, 480, 30]


@pytest.mark.parametrize(("pixels", "format"), [("MJPEG", "JPEG"), ("YUYV", None)])
def test_colours_are_in_rgb_order(found, pixels: str, format: str | None) -> None:
    told = found("usb_formats")["bars"][pixels]
    assert (told["format"], told["size"]) == (format, [640, 480])
    assert near(told["bars"])


def test_cut_frames_are_left_out_and_counted(found) -> None:
    told = found("usb_damage")
    assert told["frames"] == 30
    assert told["refused"] >= 5
    assert near(told["bars"])


def test_pulled_out_and_put_back_it_is_found_under_its_number(found) -> None:
    told = found("usb_damage")
    lost, back = told["said"]
    assert lost == "camera:1: lost: is not connected any more; trying again"
    assert back.startswith("camera:1: back after")
    assert told["restarts"] == 1
    assert near(told["again"])


def test_the_command_classifies_its_frames_and_shows_them(found) -> None:
    told = found("usb_command")
    assert (told["line"]["label"], told["line"]["source"]) == ("bars", "camera:1")
    assert told["state"]["state"] == "running"
    assert near(told["bars"])
    assert told["end"]["code"] == 143
