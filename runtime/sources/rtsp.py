"""An IP camera's RTSP stream through PyAV, which clips need too; GStreamer's bindings are no wheel."""

import time

import av

from runtime.errors import MachineError, PictureRefused
from runtime.opening import check_size
from runtime.sources import SILENCE_S, Frame, Frames, without_password
from runtime.sources.decoded import upright

OPEN_S = 8.0
OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "500000"}
"""TCP, since lost UDP packets are smeared frames; no frame kept back for smoothness; and half a second (in microseconds) to learn what
the stream is, where 5 s are usual."""


def frames(address: str) -> Frames:
    """The frames of the first video stream at `address`; see `Frames`. Every one is decoded, since each builds on those before it.

    Raises:
        MachineError: there is no such stream, it does not let us in, or it is lost.
    """
    name = without_password(address)
    try:
        with av.open(address, options=OPTIONS, timeout=(OPEN_S, SILENCE_S)) as container:
            if not container.streams.video:
                raise MachineError(name, "has no video in it")
            stream = container.streams.video[0]
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        check_size(frame.width, frame.height, name)
                        yield Frame(name, upright(frame), time.monotonic())
                except (av.error.InvalidDataError, PictureRefused) as error:
                    yield PictureRefused(name, f"damaged frame ({getattr(error, 'strerror', None) or error})")
    except (av.error.ExitError, TimeoutError) as error:
        raise MachineError(name, f"does not answer, or gave no frame for {SILENCE_S:g} s") from error
    except (av.error.FFmpegError, OSError) as error:
        raise MachineError(name, error.strerror or type(error).__name__) from error
