"""Controls the virtual camera: selects its image, pulls it out and plugs it in."""

import time
from contextlib import closing
from pathlib import Path

import numpy as np
from linuxpy.video.device import Device
from PIL import Image

from runtime.sources.base import open_source

DRIVER = Path("/sys/bus/platform/drivers/vivid")
DEVICE = "/dev/video0"
PLUGGED = "vivid.0"
BARS, BLACK, RED, BLUE, GREEN = "100% Colorbar", "100% Black", "100% Red", "100% Blue", "100% Green"


def show(pattern: str) -> None:
    """Shows a test pattern by the driver's name, without the text that vivid writes over it."""
    with Device(DEVICE) as device:
        for name, choice in (("test_pattern", pattern), ("osd_text_mode", "None")):
            control = device.controls[name]
            (control.value,) = (index for index, text in control.data.items() if text == choice)


def unplug() -> None:
    (DRIVER / "unbind").write_text(PLUGGED)


def plug() -> None:
    (DRIVER / "bind").write_text(PLUGGED)


def one_frame(address: str = "0") -> Image.Image:
    """Returns the first frame of a connection, decoded."""
    with closing(open_source(f"camera:{address}").frames()) as frames:
        image = next(frames).image
        image.load()
        return image


def bars(image: Image.Image) -> list[list[int]]:
    """Returns (8, 3) the colour in the middle of eight bars: medians of a patch, RGB 0..255."""
    pixels = np.asarray(image.convert("RGB"))
    height, width, _ = pixels.shape
    middles = [round((number + 0.5) * width / 8) for number in range(8)]
    return [
        np.median(pixels[height // 3 : height // 2, x - 5 : x + 5], (0, 1)).astype(int).tolist()
        for x in middles
    ]


def wait_for(condition, seconds: float, name: str):
    """Waits until the condition is true, and returns its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {name}")
        time.sleep(0.1)
    return value
