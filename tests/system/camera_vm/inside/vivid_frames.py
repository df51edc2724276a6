"""Reads the virtual camera with runtime.sources.v4l2 in this process."""

import os
import time
from contextlib import closing
from unittest.mock import patch

import vivid
from linuxpy.video.device import Device

from runtime.sources import v4l2
from runtime.sources.base import open_source
from runtime.sources.pixel_formats import PIXEL_BYTES
from runtime.sources.video_mode import choose_mode


def resident_kb() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def offered() -> dict[str, object]:
    """Returns the offered formats, the chosen mode, and the frame that arrives."""
    with Device(vivid.DEVICE) as device:
        formats = v4l2._offered_formats(device)
        card = device.info.card
    chosen = choose_mode(formats, vivid.DEVICE)
    image = vivid.one_frame()
    return {
        "card": card,
        "formats": [offered.pixels for offered in formats],
        "chosen": chosen,
        "size": image.size,
        "mode": image.mode,
    }


def only(pixels: str):
    """Hides all other formats of the camera, so that the driver is asked for this one."""
    offered_formats = v4l2._offered_formats

    def one_format(device):
        return [offered for offered in offered_formats(device) if offered.pixels == pixels]

    return patch.object(v4l2, "_offered_formats", one_format)


def colours() -> dict[str, object]:
    """Returns the colour bars in every supported raw format: (8, 3) RGB each."""
    vivid.show(vivid.BARS)
    result = {}
    for pixels in (name for name, size in PIXEL_BYTES.items() if size):
        with only(pixels):
            image = vivid.one_frame()
        result[pixels] = {"mode": image.mode, "bars": vivid.bars(image)}
    return result


def sizes() -> list[object]:
    """Returns the bars at every size that the driver offers up to 1280x720."""
    vivid.show(vivid.BARS)
    with Device(vivid.DEVICE) as device:
        formats = v4l2._offered_formats(device)
    (yuyv,) = (offered for offered in formats if offered.pixels == "YUYV")
    result = []
    for size in yuyv.sizes:
        if size.largest[0] > 1280:
            continue
        only_size = [yuyv._replace(sizes=(size,))]
        with patch.object(v4l2, "_offered_formats", lambda device, offered=only_size: offered):
            image = vivid.one_frame()
        bars = vivid.bars(image)
        result.append({"requested": size.largest, "actual": image.size, "bars": bars})
    return result


def connections() -> list[dict[str, int]]:
    """Measures open files and memory while the camera is opened and closed repeatedly."""
    samples = []
    for number in range(1, 41):
        with closing(open_source("camera:0").frames()) as frames:
            next(frames)
        if number % 10 == 0:
            samples.append(
                {
                    "connections": number,
                    "files": len(os.listdir("/proc/self/fd")),
                    "resident_kb": resident_kb(),
                }
            )
            time.sleep(0.1)
    return samples
