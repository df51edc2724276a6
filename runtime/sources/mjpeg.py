"""Reads JPEG files over HTTP: a stream of them, or a single one that is asked for again and again.

IP cameras, ustreamer and ESP32 cameras send a multipart response with a JPEG in each part, others
one JPEG after another, others one image per request (`snapshot.jpg`). The server is not trusted:
sizes and waiting times have limits, and the delimiter of parts is the one in the body, whatever the
header declares. http.client reads the response's headers and its chunks.
"""

import http.client
import time

from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import open_image
from runtime.sources.base import POLL_INTERVAL_S, Frame, Frames, GarbledStreamError
from runtime.sources.http_camera import HttpCamera
from runtime.sources.jpeg_stream import JpegReader
from runtime.sources.multipart import PartReader

BINARY = "application/octet-stream"


def frames(address: str, every_s: float | None = None) -> Frames:
    """Yields the images that a GET of `address` gives; see `Frames`.

    A response of one image is asked for again every second, or every `every_s` seconds. If
    `every_s` is set, of a stream, too, the first image is taken each time.

    Raises:
        SourceBusyError: the server asks to try again later (5xx, 429), or sends no images.
        MachineError: there is no such server or stream, it refuses access, or it is lost.
        InputRefused: the response is of another kind.
    """
    camera = HttpCamera(address)
    while True:
        start_s = time.monotonic()
        with camera.get() as (response, deadline_socket):
            is_multipart = _is_multipart(response, camera.name)
            reader: PartReader | JpegReader = JpegReader(response.read1, camera.name)
            if is_multipart:
                boundary = response.headers.get_boundary("")
                reader = PartReader(response.read1, camera.name, boundary.encode(errors="replace"))
            images = 0
            while (content := reader.next()) is not None:
                images += 1
                yield _frame(content, camera.name)
                deadline_socket.restart()
                if every_s is not None:
                    break
        if images == 0:
            reason = "expected images, found a response without any"
            if _is_jpeg(_content_type(response)):
                raise GarbledStreamError(camera.name, reason)
            raise InputRefused(camera.name, reason)
        if every_s is None and (is_multipart or images > 1):
            return
        pause_s = POLL_INTERVAL_S if every_s is None else every_s
        time.sleep(max(0.0, start_s + pause_s - time.monotonic()))


def _frame(content: bytes, name: str) -> Frame | ImageRefused:
    try:
        return Frame(name, open_image(content, name, formats=("JPEG",)), time.monotonic())
    except ImageRefused as refusal:
        return refusal


def _is_multipart(response: http.client.HTTPResponse, name: str) -> bool:
    """Checks the declared type: parts, or JPEG files, which a server may call anything binary."""
    content_type = _content_type(response)
    if content_type.startswith("multipart/"):
        return True
    if content_type != BINARY and not _is_jpeg(content_type):
        raise InputRefused(
            name,
            "expected an MJPEG stream (multipart/x-mixed-replace) or a JPEG image, "
            f"found {content_type}",
        )
    return False


def _content_type(response: http.client.HTTPResponse) -> str:
    """Returns the declared type, without parameters; http.client takes none for text/plain."""
    return response.headers.get_content_type() if "Content-Type" in response.headers else BINARY


def _is_jpeg(content_type: str) -> bool:
    return content_type.endswith(("jpeg", "jpg"))
