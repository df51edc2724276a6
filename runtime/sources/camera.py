"""A USB or other V4L2 camera, through linuxpy: pure Python and 2 MB, where OpenCV takes 86 MB and PyAV 95."""

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

from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.sources import SILENCE_S, Frame, Frames
from runtime.sources.pixels import PIXELS, Layout, to_image
from runtime.sources.video_mode import Mode, Sizes, choose_mode

POLL_S = 0.5
BUFFERS = 3
FORMATS = {one.name: one for one in PixelFormat if one.name in PIXELS}


def frames(address: str) -> Frames:
    """The frames of /dev/video`address`, or of the device file `address`; see `Frames`.

    Raises:
        MachineError: there is no such device, it is no camera, is in use, may not be used by this user, or is gone.
    """
    path = f"/dev/video{address}" if address.isdigit() else address
    _expect_device(path)
    with _failures(path), Device(path) as device, _configured(device, path) as (capture, layout):
        newest = time.monotonic()
        while time.monotonic() - newest < SILENCE_S:
            read = capture.buffer.frame_reader.read(timeout=POLL_S)
            if read is None:
                continue
            newest = time.monotonic()
            try:
                yield Frame(path, to_image(bytes(read.data), layout, path), newest)
            except PictureRefused as refusal:
                yield refusal
        raise MachineError(path, f"no frame for {SILENCE_S:g} s")


def _expect_device(path: str) -> None:
    try:
        kind = os.stat(path).st_mode
    except OSError as error:
        there = ", ".join(sorted(glob("/dev/video*"))) or "none"
        raise MachineError(path, f"{error.strerror}; cameras here: {there}") from error
    if not stat.S_ISCHR(kind):
        raise InputRefused(path, "expected a camera such as /dev/video0, found no device file")


@contextmanager
def _configured(device: Device, path: str) -> Generator[tuple[VideoCapture, Layout], None, None]:
    if Capability.VIDEO_CAPTURE not in device.info.device_capabilities:
        raise MachineError(path, "gives no video; a camera often has several device files, try the others")
    mode = choose_mode(_formats(device), path)
    capture = VideoCapture(device, size=BUFFERS)
    capture.set_format(mode.width, mode.height, FORMATS[mode.pixels])
    with suppress(OSError):  # some drivers have one rate
        capture.set_fps(mode.rate)
    got = capture.get_format()
    if got.pixel_format.name not in PIXELS:
        raise MachineError(path, f"was asked for {mode.pixels} pixels and gives {got.pixel_format.name}")
    try:
        capture.open()
        yield capture, Layout(got.pixel_format.name, got.width, got.height, got.bytes_per_line)
    finally:
        _release(capture)


def _release(capture: VideoCapture) -> None:
    """Frees the buffers, also of a device that is gone: while one is mapped its number is taken, and plugged in again it gets another."""
    mapped = getattr(capture.buffer, "buffers", None) or ()
    with suppress(OSError, ValueError):  # of a device that is gone it cannot be asked
        capture.close()
    for buffer in mapped:
        buffer.close()


def _formats(device: Device) -> list[Mode]:
    return [Mode(form.pixel_format.name, _sizes(device, form.pixel_format)) for form in iter_read_formats(device, BufferType.VIDEO_CAPTURE)]


def _sizes(device: Device, pixels: PixelFormat) -> tuple[Sizes, ...]:
    found = []
    for size in iter_read_frame_sizes(device, pixels):
        if size.type == FrameSizeType.DISCRETE:
            found.append(Sizes((size.info.width, size.info.height), (size.info.width, size.info.height), (1, 1)))
        else:
            info = size.info
            found.append(Sizes((info.min_width, info.min_height), (info.max_width, info.max_height), (info.step_width, info.step_height)))
    return tuple(found)


@contextmanager
def _failures(path: str) -> Generator[None, None, None]:
    """What the driver answers, in words."""
    try:
        yield
    except OSError as error:
        raise _told(path, error) from error


def _told(path: str, error: OSError) -> MachineError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return MachineError(path, f"{error.strerror}; add this user to the group 'video': sudo usermod -aG video $USER, then log in again")
    if error.errno == errno.EBUSY:
        return MachineError(path, "is in use by another program")
    if error.errno == errno.ENOTTY:
        return MachineError(path, "is no camera")
    if error.errno == errno.ENODEV:
        return MachineError(path, "is not connected any more")
    return MachineError(path, error.strerror or str(error))
