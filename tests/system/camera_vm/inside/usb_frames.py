"""Reads the emulated USB camera through the kernel's driver with runtime.sources.v4l2."""

import io
import time
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import vivid
from command import RunningCommand
from linuxpy.video.device import Device
from PIL import Image
from usb_camera import UsbCamera
from vivid import wait_for

from runtime.monitor.capture import Capture
from runtime.sources import v4l2
from runtime.sources.base import open_source
from runtime.sources.video_mode import choose_mode

DEVICE, SOURCE = Path("/dev/video1"), "camera:1"
MJPEG = 1
COLOURS = (
    (255, 255, 255),
    (255, 255, 0),
    (0, 255, 255),
    (0, 255, 0),
    (255, 0, 255),
    (255, 0, 0),
    (0, 0, 255),
    (0, 0, 0),
)


def image(form: int, width: int, height: int) -> bytes:
    """Draws eight bars as a JPEG without Huffman tables, as USB cameras send it, or as YUY2."""
    row = np.repeat(np.array(COLOURS, np.uint8), width // 8, axis=0)
    image = Image.fromarray(np.broadcast_to(row, (height, width, 3)).copy())
    return without_tables(image) if form == MJPEG else yuy2(image)


def without_tables(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    content, position = file.getvalue(), 2
    kept = content[:2]
    while content[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        if content[position + 1] != 0xC4:
            kept += content[position:end]
        position = end
    return kept + content[position:]


def yuy2(image: Image.Image) -> bytes:
    """Converts by ITU-R BT.601, luma in 16..235."""
    red, green, blue = np.moveaxis(np.asarray(image, float) / 255, 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    pairs = np.empty((image.height, image.width // 2, 4))
    pairs[..., 0], pairs[..., 2] = 16 + 219 * luma[:, ::2], 16 + 219 * luma[:, 1::2]
    pairs[..., 1] = (128 + 112 * (blue - luma) / 0.886)[:, ::2]
    pairs[..., 3] = (128 + 112 * (red - luma) / 0.701)[:, ::2]
    return pairs.round().astype(np.uint8).tobytes()


def plug() -> UsbCamera:
    usb = UsbCamera(cache(image))  # encoding each frame would take the machine's time
    wait_for(DEVICE.exists, 60, DEVICE)
    return usb


def unplug(usb: UsbCamera) -> None:
    usb.unplug()
    wait_for(lambda: not DEVICE.exists(), 60, f"{DEVICE} to go")


def usb_formats() -> dict[str, object]:
    """Returns the offered formats, the chosen mode, and the bars in each format."""
    usb = plug()
    with Device(DEVICE) as device:
        formats = v4l2._offered_formats(device)
        driver = (device.info.driver, device.info.card)
    bars = {}
    for offered in formats:
        with patch.object(v4l2, "_offered_formats", lambda device, offered=offered: [offered]):
            frame = vivid.one_frame("1")
        bars[offered.pixels] = {
            "format": frame.format,
            "size": frame.size,
            "bars": vivid.bars(frame),
        }
    unplug(usb)
    chosen = choose_mode(formats, str(DEVICE))
    return {"driver": driver, "formats": formats, "chosen": chosen, "bars": bars}


def usb_damage() -> dict[str, object]:
    """Reads through Capture: every third frame is cut, then the camera is away for a while."""
    whole, number = image(MJPEG, 640, 480), iter(range(10**9))
    usb = UsbCamera(lambda *_: whole if next(number) % 3 else whole[: len(whole) // 2])
    wait_for(DEVICE.exists, 60, DEVICE)
    lines: list[str] = []
    with Capture(open_source(SOURCE), report=lines.append) as capture:
        frames = [wait_for(lambda: capture.next(1), 30, "a frame") for _ in range(30)]
        result = {
            "frames": len(frames),
            "refused": capture.refused,
            "bars": vivid.bars(frames[-1].image),
        }
        unplug(usb)
        wait_for(lambda: capture.state == "lost", 30, "the loss")
        usb = plug()
        returned = wait_for(lambda: capture.next(1), 60, "a frame after the return")
        result |= {"lines": lines, "restarts": capture.restarts}
        result["bars_after_return"] = vivid.bars(returned.image)
    unplug(usb)
    return result


def usb_command() -> dict[str, object]:
    """Runs the command on the USB camera."""
    usb = plug()
    command = RunningCommand(source=SOURCE)
    line = command.line(0, predicted="bars", seconds=120)
    time.sleep(5)
    state, bars = command.state(), vivid.bars(command.image())
    result = {"line": line, "state": state, "bars": bars, "sent": usb.sent, "end": command.end()}
    unplug(usb)
    return result
