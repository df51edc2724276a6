"""The virtual camera: which picture it shows, and pulling it out and putting it back."""

import time
from contextlib import closing
from pathlib import Path

import numpy as np
from linuxpy.video.device import Device
from PIL import Image

from runtime.sources import open_source

DRIVER = Path("/sys/bus/platform/drivers/vivid")
DEVICE = "/dev/video0"
PLUGGED = "vivid.0"
BARS, BLACK, RED, BLUE, GREEN = "100% Colorbar", "100% Black", "100% Red", "100% Blue", "100% Green"


def show(pattern: str) -> None:
    """A test pattern by the driver's name of it, without the text that it writes over its pictures."""
    with Device(DEVICE) as device:
        for name, choice in (("test_pattern", pattern), ("osd_text_mode", "None")):
            control = device.controls[name]
            (control.value,) = (index for index, text in control.data.items() if text == choice)


def unplug() -> None:
    (DRIVER / "unbind").write_text(PLUGGED)


def plug() -> None:
    (DRIVER / "bind").write_text(PLUGGED)


def one_frame(address: str = "0") -> Image.Image:
    """The first frame of a connection, decoded."""
    with closing(open_source(f"camera:{address}").frames()) as frames:
        image = next(frames).image
        image.load()
        return image


def bars(image: Image.Image) -> list[list[int]]:
    """(8, 3) the colour in the middle of each of eight upright bars: medians of a patch, RGB 0..255."""
    pixels = np.asarray(image.convert("RGB"))
    height, width, _ = pixels.shape
    middles = [round((number + 0.5) * width / 8) for number in range(8)]
    return [np.median(pixels[height // 3 : height // 2, at - 5 : at + 5], (0, 1)).astype(int).tolist() for at in middles]


def until(condition, seconds: float, what: str):
    """What the condition gives once it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)
    return value
