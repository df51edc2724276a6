"""What runtime.sources.camera makes of a USB camera, with the kernel's own driver for those between them."""

import io
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import vivid
from command import Watching
from linuxpy.video.device import Device
from PIL import Image
from usb_camera import UsbCamera
from vivid import until

from runtime.capture import Capture
from runtime.sources import camera, open_source
from runtime.sources.video_mode import choose_mode

DEVICE, SOURCE = Path("/dev/video1"), "camera:1"
MJPEG = 1
COLOURS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0))


def picture(form: int, width: int, height: int) -> bytes:
    """Eight bars as a JPEG without Huffman tables, as USB cameras send them, or as YUY2."""
    row = np.repeat(np.array(COLOURS, np.uint8), width // 8, axis=0)
    image = Image.fromarray(np.broadcast_to(row, (height, width, 3)).copy())
    return without_tables(image) if form == MJPEG else yuy2(image)


def without_tables(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    content, at = file.getvalue(), 2
    kept = content[:2]
    while content[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1] != 0xC4:
            kept += content[at:end]
        at = end
    return kept + content[at:]


def yuy2(image: Image.Image) -> bytes:
    """ITU-R BT.601, luma in 16..235."""
    red, green, blue = np.moveaxis(np.asarray(image, float) / 255, 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    pairs = np.empty((image.height, image.width // 2, 4))
    pairs[..., 0], pairs[..., 2] = 16 + 219 * luma[:, ::2], 16 + 219 * luma[:, 1::2]
    pairs[..., 1] = (128 + 112 * (blue - luma) / 0.886)[:, ::2]
    pairs[..., 3] = (128 + 112 * (red - luma) / 0.701)[:, ::2]
    return pairs.round().astype(np.uint8).tobytes()


def once(give):
    """Keeps what was made for a format and size: encoding it for each frame would take the machine's time."""
    made: dict[tuple[int, ...], bytes] = {}

    def one(*key: int) -> bytes:
        if key not in made:
            made[key] = give(*key)
        return made[key]

    return one


def plug(give=picture) -> UsbCamera:
    usb = UsbCamera(once(give))
    until(DEVICE.exists, 60, DEVICE)
    return usb


def unplug(usb: UsbCamera) -> None:
    usb.unplug()
    until(lambda: not DEVICE.exists(), 60, f"{DEVICE} to go")


def usb_formats() -> dict[str, object]:
    """What the driver offers, what is asked for, and the bars in each format."""
    usb = plug()
    with Device(DEVICE) as device:
        modes, told = camera._formats(device), (device.info.driver, device.info.card)
    found: dict[str, object] = {"driver": told, "formats": modes, "chosen": choose_mode(modes, str(DEVICE)), "bars": {}}
    for mode in modes:
        with patch.object(camera, "_formats", lambda device, mode=mode: [mode]):
            image = vivid.one_frame("1")
        found["bars"][mode.pixels] = {"format": image.format, "size": image.size, "bars": vivid.bars(image)}
    unplug(usb)
    return found


def usb_damage() -> dict[str, object]:
    """Every third frame is cut, then the camera is pulled out and put back: through Capture."""
    whole, number = picture(MJPEG, 640, 480), iter(range(10**9))
    usb = UsbCamera(lambda *_: whole if next(number) % 3 else whole[: len(whole) // 2])
    until(DEVICE.exists, 60, DEVICE)
    said: list[str] = []
    with Capture(open_source(SOURCE), say=said.append) as capture:
        frames = [until(lambda: capture.next(1), 30, "a frame") for _ in range(30)]
        found = {"frames": len(frames), "refused": capture.refused, "bars": vivid.bars(frames[-1].image)}
        unplug(usb)
        until(lambda: capture.state == "lost", 30, "the loss")
        usb = plug()
        again = until(lambda: capture.next(1), 60, "a frame after it")
        found |= {"said": said, "restarts": capture.restarts, "again": vivid.bars(again.image)}
    unplug(usb)
    return found


def usb_command() -> dict[str, object]:
    """The command on it."""
    usb = plug()
    watching = Watching(source=SOURCE)
    line = watching.line(0, label="bars", seconds=120)
    time.sleep(5)
    state, bars = watching.state(), vivid.bars(watching.picture())
    found = {"line": line, "state": state, "bars": bars, "sent": usb.sent, "end": watching.end()}
    unplug(usb)
    return found
