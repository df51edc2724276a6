"""Reads a clip (video file) through PyAV.

PyAV is FFmpeg in one wheel for aarch64. OpenCV decodes with a part of it and ignores rotation.
"""

import os
import stat
import time

import av

from runtime.errors import ImageRefused, InputRefused, failed_access
from runtime.images.decoding import check_size
from runtime.sources.base import Frame, Frames
from runtime.sources.pyav import error_text, upright

FORMATS = "3gp,asf,avi,flv,h264,hevc,ivf,matroska,mjpeg,mov,mp4,mpeg,mpegts,mpegvideo,ogg,webm"
"""FFmpeg's names of the allowed formats. Playlists are not among them: they open further files."""


def frames(address: str) -> Frames:
    """Yields every frame of the clip's first video stream, upright; see `Frames`.

    A damaged packet is one refusal.

    Raises:
        InputRefused: missing, not a regular file, not a clip, or without video.
        MachineError: this user may not read it.
    """
    try:
        with (
            open(address, "rb", opener=_open_nonblocking) as file,
            av.open(file, options={"format_whitelist": FORMATS}) as container,
        ):
            if not container.streams.video:
                raise InputRefused(
                    address, "contains no video: it is not a clip, or it is cut short"
                )
            stream = container.streams.video[0]
            check_size(stream.width, stream.height, address)
            number = 0
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        number += 1
                        name, now_s = f"{address} #{number}", time.monotonic()
                        yield Frame(name, upright(frame), now_s, frame.time)
                except (av.error.InvalidDataError, ImageRefused) as error:
                    yield ImageRefused(
                        f"{address} #{number + 1}",
                        f"damaged ({error_text(error)})",
                    )
            if number == 0:
                raise InputRefused(address, "contains no frame that can be decoded")
    except av.error.FFmpegError as error:
        raise InputRefused(
            address, f"not a clip that FFmpeg can read ({error.strerror})"
        ) from error
    except OSError as error:
        raise failed_access(address, error) from error
    except ValueError as error:  # such as a NUL in the path
        raise InputRefused(address, str(error)) from error


def _open_nonblocking(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return descriptor
    os.close(descriptor)
    reason = "empty file" if stat.S_ISREG(status.st_mode) else "not a regular file"
    raise InputRefused(path, reason)
