"""Tests a USB camera with the kernel's driver uvcvideo, on a device that a program emulates.

inside/usb_camera.py is that program. It offers YUY2, and MJPEG without Huffman tables, as USB
cameras send it.
"""

import numpy as np
import pytest

MAX_COLOUR_ERROR = 6


def are_colours(colours: list[list[int]], expected: np.ndarray) -> bool:
    return bool(np.abs(np.array(colours) - expected).max() <= MAX_COLOUR_ERROR)


def test_mjpeg_is_preferred_at_the_smallest_sufficient_size(result) -> None:
    record = result("usb_formats")
    assert record["driver"] == ["uvcvideo", "Test camera"]
    assert [pixels for pixels, _ in record["formats"]] == ["MJPEG", "YUYV"]
    assert record["chosen"] == ["MJPEG", 640, 480, 30]


@pytest.mark.parametrize(("pixels", "format"), [("MJPEG", "JPEG"), ("YUYV", None)])
def test_colours_are_in_rgb_order(
    result, pixels: str, format: str | None, bars: np.ndarray
) -> None:
    record = result("usb_formats")["bars"][pixels]
    assert (record["format"], record["size"]) == (format, [640, 480])
    assert are_colours(record["bars"], bars)


def test_cut_frames_are_skipped_and_counted(result, bars: np.ndarray) -> None:
    record = result("usb_damage")
    assert record["frames"] == 30
    assert record["refused"] >= 5
    assert are_colours(record["bars"], bars)


def test_camera_that_was_pulled_out_returns_under_its_number(result, bars: np.ndarray) -> None:
    record = result("usb_damage")
    lost, back = record["lines"]
    assert lost == "camera:1: lost: is not connected any more; trying again"
    assert back.startswith("camera:1: back after")
    assert record["restarts"] == 1
    assert are_colours(record["bars_after_return"], bars)


def test_command_classifies_its_frames_and_shows_them(result, bars: np.ndarray) -> None:
    record = result("usb_command")
    assert (record["line"]["predicted"], record["line"]["source"]) == ("bars", "camera:1")
    assert record["state"]["state"] == "running"
    assert are_colours(record["bars"], bars)
    assert record["end"]["code"] == 143
