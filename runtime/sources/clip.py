"""A clip (video file) through PyAV: FFmpeg in one wheel for aarch64, of which OpenCV's decoding is a part and has no rotation."""

import os
import stat
import time

import av

from runtime.errors import InputRefused, PictureRefused, failed_access
from runtime.opening import check_size
from runtime.sources import Frame, Frames
from runtime.sources.decoded import upright

FORMATS = "3gp,asf,avi,flv,h264,hevc,ivf,matroska,mjpeg,mov,mp4,mpeg,mpegts,mpegvideo,ogg,webm"
"""FFmpeg's names of what may be read: no playlists, whose files would be opened too."""


def frames(address: str) -> Frames:
    """Every frame of the clip's first video stream, upright; see `Frames`. A damaged piece of it is one refusal.

    Raises:
        InputRefused: missing, not a regular file, not a clip, or without video.
        MachineError: this user may not read it.
    """
    try:
        with open(address, "rb", opener=_open_without_waiting) as file, av.open(file, options={"format_whitelist": FORMATS}) as container:
            if not container.streams.video:
                raise InputRefused(address, "no video in it: not a clip, or cut short")
            stream = container.streams.video[0]
            check_size(stream.width, stream.height, address)
            number = 0
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        number += 1
                        yield Frame(f"{address} #{number}", upright(frame), time.monotonic())
                except (av.error.InvalidDataError, PictureRefused) as error:
                    yield PictureRefused(f"{address} #{number + 1}", f"damaged ({getattr(error, 'strerror', None) or error})")
            if number == 0:
                raise InputRefused(address, "holds no frame that can be decoded")
    except av.error.FFmpegError as error:
        raise InputRefused(address, f"not a clip that can be read ({error.strerror})") from error
    except (OSError, ValueError) as error:
        raise failed_access(address, error if isinstance(error, OSError) else OSError(str(error))) from error


def _open_without_waiting(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return descriptor
    os.close(descriptor)
    raise InputRefused(path, "empty file" if stat.S_ISREG(status.st_mode) else "not a regular file")
