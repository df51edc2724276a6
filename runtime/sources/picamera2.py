"""Reads a Raspberry Pi camera through picamera2, a package of Raspberry Pi OS, not of PyPI."""

import os
import sys
import time
from concurrent.futures import TimeoutError as JobTimeout
from contextlib import closing

from runtime.errors import InputRefused, MachineError
from runtime.sources.base import FRAME_TIMEOUT_S, Frame, Frames

APT_PACKAGE = "/usr/lib/python3/dist-packages/picamera2"
SIZE = (1280, 960)


def _import_problem(error: Exception) -> str:
    if isinstance(error, ValueError):  # picamera2#1211
        return (
            "the system's simplejpeg does not fit this numpy. "
            "Install one that does: pip install --force-reinstall simplejpeg"
        )
    if os.path.isdir(APT_PACKAGE) and sys.prefix != sys.base_prefix:
        return (
            "this virtual environment hides the system's picamera2. "
            "Make one that sees it: python3 -m venv --system-site-packages venv"
        )
    return f"needs the system's package: sudo apt install python3-picamera2 ({error})"


try:
    from picamera2 import Picamera2
except (ImportError, ValueError) as error:
    raise MachineError("picamera2", _import_problem(error)) from error


def frames(address: str) -> Frames:
    """Yields the frames of camera number `address`; see `Frames`.

    picamera2's format "RGB888" is BGR in memory; `capture_image` handles that (picamera2#1148).

    Raises:
        InputRefused: `address` is not a number.
        MachineError: there is no such camera, it is in use, or it sends no frames.
    """
    name = f"picamera2:{address}"
    if not (address.isascii() and address.isdigit()):
        raise InputRefused(name, "expected the number of a camera, as in picamera2:0")
    try:
        # Check the number first: each failed Picamera2() leaves a file open (0.3.38).
        if int(address) >= len(Picamera2.global_camera_info()):
            raise MachineError(
                name, "no such camera: rpicam-hello --list-cameras shows what is connected"
            )
        with closing(Picamera2(int(address))) as camera:
            main = {"size": SIZE, "format": "RGB888"}
            camera.configure(camera.create_video_configuration(main=main))
            camera.start()
            while True:
                job = camera.capture_image("main", wait=False)
                yield Frame(name, job.get_result(timeout=FRAME_TIMEOUT_S), time.monotonic())
    except JobTimeout as error:
        raise MachineError(
            name, f"no frame for {FRAME_TIMEOUT_S:g} s: is its cable loose?"
        ) from error
    except (RuntimeError, OSError) as error:
        raise MachineError(name, _first_cause(error)) from error


def _first_cause(error: BaseException) -> str:
    """Returns the text of the first error in a chain of causes.

    For a camera in use, picamera2 0.3.38 itself reports only "Camera __init__ sequence did not
    complete.".
    """
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
