"""Reads a USB camera or another V4L2 camera through linuxpy.

linuxpy is pure Python and takes 2 MB; OpenCV takes 86 MB and PyAV 95.
"""

import errno
import os
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from glob import glob

from linuxpy.video.device import (
    BufferType,
    Capability,
    Device,
    FrameSizeType,
    PixelFormat,
    VideoCapture,
    iter_read_formats,
    iter_read_frame_sizes,
)

from runtime.errors import ImageRefused, InputRefused, MachineError
from runtime.sources.base import FRAME_TIMEOUT_S, Frame, Frames
from runtime.sources.pixel_formats import PIXEL_BYTES, BufferLayout, to_image
from runtime.sources.video_mode import OfferedFormat, SizeRange, choose_mode

POLL_S = 0.5
BUFFERS = 3
FORMATS = {form.name: form for form in PixelFormat if form.name in PIXEL_BYTES}


def frames(address: str) -> Frames:
    """Yields the frames of /dev/video`address`, or of the device file `address`; see `Frames`.

    Raises:
        InputRefused: not a device file.
        MachineError: there is no such device, it is not a camera, it is in use, this user may not
            open it, or it is not connected any more.
    """
    path = f"/dev/video{address}" if address.isdigit() else address
    _check_device_file(path)
    with _failures(path), Device(path) as device, _configured(device, path) as (capture, layout):
        newest_s = time.monotonic()
        while time.monotonic() - newest_s < FRAME_TIMEOUT_S:
            buffer = capture.buffer.frame_reader.read(timeout=POLL_S)
            if buffer is None:
                continue
            newest_s = time.monotonic()
            try:
                yield Frame(path, to_image(bytes(buffer.data), layout, path), newest_s)
            except ImageRefused as refusal:
                yield refusal
        raise MachineError(path, f"no frame for {FRAME_TIMEOUT_S:g} s")


def _check_device_file(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        cameras = ", ".join(sorted(glob("/dev/video*"))) or "none"
        raise MachineError(path, f"{error.strerror}; cameras here: {cameras}") from error
    if not stat.S_ISCHR(mode):
        raise InputRefused(path, "expected a camera such as /dev/video0, found no device file")


@contextmanager
def _configured(
    device: Device, path: str
) -> Generator[tuple[VideoCapture, BufferLayout], None, None]:
    if Capability.VIDEO_CAPTURE not in device.info.device_capabilities:
        raise MachineError(
            path, "gives no video; a camera often has several device files, try the others"
        )
    mode = choose_mode(_offered_formats(device), path)
    capture = VideoCapture(device, size=BUFFERS)
    capture.set_format(mode.width, mode.height, FORMATS[mode.pixels])
    with suppress(OSError):  # some drivers have one rate
        capture.set_fps(mode.rate)
    actual = capture.get_format()
    pixels = actual.pixel_format.name
    if pixels not in PIXEL_BYTES:
        raise MachineError(path, f"was asked for {mode.pixels} pixels and gives {pixels}")
    try:
        capture.open()
        yield capture, BufferLayout(pixels, actual.width, actual.height, actual.bytes_per_line)
    finally:
        _release(capture)


def _release(capture: VideoCapture) -> None:
    """Frees the buffers, even if the device is gone.

    A mapped buffer keeps the device's number in use, and the camera gets another number when it is
    plugged in again.
    """
    mapped = getattr(capture.buffer, "buffers", None) or ()
    with suppress(OSError, ValueError):  # a device that is gone does not answer
        capture.close()
    for buffer in mapped:
        buffer.close()


def _offered_formats(device: Device) -> list[OfferedFormat]:
    return [
        OfferedFormat(form.pixel_format.name, _size_ranges(device, form.pixel_format))
        for form in iter_read_formats(device, BufferType.VIDEO_CAPTURE)
    ]


def _size_ranges(device: Device, pixels: PixelFormat) -> tuple[SizeRange, ...]:
    ranges = []
    for size in iter_read_frame_sizes(device, pixels):
        info = size.info
        if size.type == FrameSizeType.DISCRETE:
            only = (info.width, info.height)
            ranges.append(SizeRange(only, only, (1, 1)))
        else:
            smallest, largest = (info.min_width, info.min_height), (info.max_width, info.max_height)
            ranges.append(SizeRange(smallest, largest, (info.step_width, info.step_height)))
    return tuple(ranges)


@contextmanager
def _failures(path: str) -> Generator[None, None, None]:
    """Turns the driver's error numbers into MachineError."""
    try:
        yield
    except OSError as error:
        raise MachineError(path, _reason(error)) from error


def _reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{error.strerror}; add this user to the group 'video': "
            "sudo usermod -aG video $USER, then log in again"
        )
    if error.errno == errno.EBUSY:
        return "is in use by another program"
    if error.errno == errno.ENOTTY:
        return "is not a camera"
    if error.errno == errno.ENODEV:
        return "is not connected any more"
    return error.strerror or str(error)
