"""What runtime.sources.camera makes of the virtual camera, within this process."""

import os
import time
from contextlib import closing
from unittest.mock import patch

import vivid
from linuxpy.video.device import Device

from runtime.sources import camera, open_source
from runtime.sources.pixels import PIXELS
from runtime.sources.video_mode import choose_mode


def resident_kb() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def offered() -> dict[str, object]:
    """What the driver offers, what is asked for, and what comes."""
    with Device(vivid.DEVICE) as device:
        modes = camera._formats(device)
        card = device.info.card
    chosen = choose_mode(modes, vivid.DEVICE)
    image = vivid.one_frame()
    return {"card": card, "formats": [mode.pixels for mode in modes], "chosen": chosen, "size": image.size, "mode": image.mode}


def only(pixels: str):
    """Lets the camera offer one format, which the driver is then really asked for."""
    all_of_them = camera._formats
    return patch.object(camera, "_formats", lambda device: [mode for mode in all_of_them(device) if mode.pixels == pixels])


def colours() -> dict[str, object]:
    """The colour bars in every raw format that is taken: (8, 3) RGB each."""
    vivid.show(vivid.BARS)
    found = {}
    for pixels in (name for name, size in PIXELS.items() if size):
        with only(pixels):
            image = vivid.one_frame()
        found[pixels] = {"mode": image.mode, "bars": vivid.bars(image)}
    return found


def sizes() -> list[object]:
    """The bars at every size that the driver offers up to 1280x720."""
    vivid.show(vivid.BARS)
    with Device(vivid.DEVICE) as device:
        mode = next(mode for mode in camera._formats(device) if mode.pixels == "YUYV")
    found = []
    for size in (one for one in mode.sizes if one.largest[0] <= 1280):
        with patch.object(camera, "_formats", lambda device, size=size: [mode._replace(sizes=(size,))]):
            image = vivid.one_frame()
        found.append({"asked": size.largest, "got": image.size, "bars": vivid.bars(image)})
    return found


def connections() -> list[dict[str, int]]:
    """Files open and memory while the camera is opened and closed again and again."""
    found = []
    for number in range(1, 41):
        with closing(open_source("camera:0").frames()) as frames:
            next(frames)
        if number % 10 == 0:
            found.append({"connections": number, "files": len(os.listdir("/proc/self/fd")), "resident_kb": resident_kb()})
            time.sleep(0.1)
    return found
