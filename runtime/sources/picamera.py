"""A Raspberry Pi camera through picamera2, which comes with Raspberry Pi OS and not from PyPI."""

import os
import sys
import time
from concurrent.futures import TimeoutError as JobTimeout
from contextlib import closing

from runtime.errors import InputRefused, MachineError
from runtime.sources import SILENCE_S, Frame, Frames

OF_THE_SYSTEM = "/usr/lib/python3/dist-packages/picamera2"
SIZE = (1280, 960)


def _why_not(error: Exception) -> str:
    if isinstance(error, ValueError):  # picamera2#1211
        return "the system's simplejpeg does not fit this numpy. Install one that does: pip install --force-reinstall simplejpeg"
    if os.path.isdir(OF_THE_SYSTEM) and sys.prefix != sys.base_prefix:
        return "this virtual environment hides the system's. Make one that sees it: python3 -m venv --system-site-packages venv"
    return f"needs the system's package: sudo apt install python3-picamera2 ({error})"


try:
    from picamera2 import Picamera2
except (ImportError, ValueError) as error:
    raise MachineError("picamera2", _why_not(error)) from error


def frames(address: str) -> Frames:
    """The frames of camera number `address`; see `Frames`. Its format "RGB888" is BGR in memory: `capture_image` knows (picamera2#1148).

    Raises:
        MachineError: there is no such camera, it is in use, or gives no frames.
    """
    name = f"picamera2:{address}"
    if not (address.isascii() and address.isdigit()):
        raise InputRefused(name, "expected the number of a camera, as in picamera2:0")
    try:
        if int(address) >= len(Picamera2.global_camera_info()):  # asked first: each opening that fails leaves a file open (0.3.38)
            raise MachineError(name, "no such camera: rpicam-hello --list-cameras shows what is connected")
        with closing(Picamera2(int(address))) as camera:
            camera.configure(camera.create_video_configuration(main={"size": SIZE, "format": "RGB888"}))
            camera.start()
            while True:
                yield Frame(name, camera.capture_image("main", wait=False).get_result(timeout=SILENCE_S), time.monotonic())
    except JobTimeout as error:
        raise MachineError(name, f"no frame for {SILENCE_S:g} s: is its cable loose?") from error
    except (RuntimeError, OSError) as error:
        raise MachineError(name, _first_cause(error)) from error


def _first_cause(error: BaseException) -> str:
    """What went wrong at first: of a camera in use picamera2 0.3.38 itself says "Camera __init__ sequence did not complete."."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
