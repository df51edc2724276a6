"""Reads an IP camera's RTSP stream through PyAV.

Clips need PyAV too; GStreamer's Python bindings have no wheel.
"""

import time

import av

from runtime.errors import ImageRefused, MachineError
from runtime.images.decoding import check_size
from runtime.sources.base import FRAME_TIMEOUT_S, Frame, Frames, without_password
from runtime.sources.pyav import error_text, upright

OPEN_S = 8.0
OPTIONS = {
    "rtsp_transport": "tcp",
    "fflags": "nobuffer",
    "flags": "low_delay",
    "analyzeduration": "500000",
}
"""Options of FFmpeg.

TCP, because lost UDP packets smear frames. No buffering and low delay, because only the newest
frame counts. `analyzeduration` (microseconds) limits the detection of the format to 0.5 s; the
default is 5 s.
"""


def frames(address: str) -> Frames:
    """Yields the frames of the first video stream at `address`; see `Frames`.

    Decodes every frame, because each is stored as a difference from earlier ones.

    Raises:
        MachineError: there is no such stream, it refuses access, or it is lost.
    """
    name = without_password(address)
    try:
        with av.open(address, options=OPTIONS, timeout=(OPEN_S, FRAME_TIMEOUT_S)) as container:
            if not container.streams.video:
                raise MachineError(name, "contains no video")
            stream = container.streams.video[0]
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        check_size(frame.width, frame.height, name)
                        yield Frame(name, upright(frame), time.monotonic())
                except (av.error.InvalidDataError, ImageRefused) as error:
                    yield ImageRefused(name, f"damaged frame ({error_text(error)})")
    except (av.error.ExitError, TimeoutError) as error:
        reason = f"does not answer, or sent no frame for {FRAME_TIMEOUT_S:g} s"
        raise MachineError(name, reason) from error
    except (av.error.FFmpegError, OSError) as error:
        raise MachineError(name, error.strerror or type(error).__name__) from error
