"""Reads an image file and decodes it to upright 8-bit RGB.

The format is known from the content, and the header decides whether anything is decoded at all.
The rules are in `runtime.images.preprocessing`, which resizes the result.
"""

import logging
import os
import stat
import struct
import threading
import warnings
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from runtime.errors import ImageRefused
from runtime.images.grey16 import Grey16
from runtime.images.jpeg_end import (
    END_MARKER_REMARK,
    MISSING_DATA,
    complete_jpeg,
    lacks_end_marker,
)
from runtime.images.upright import upright_rgb
from runtime.system.terminal import quiet

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""The formats that Pillow may open; a phone's MPO counts as JPEG."""
NOT_THIS_FORMAT = (SyntaxError, IndexError, TypeError, struct.error)
"""What `Image.open` takes for a sign that the content has another format."""
logging.getLogger("PIL").setLevel(logging.CRITICAL)
# Set once for the process: `catch_warnings` around each decoder is not safe in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

MAX_FILE_BYTES = 256 * 2**20
MAX_PIXELS = 64_000_000
MAX_SIDE = 20_000
LARGE_PIXELS = 16_000_000
"""Images above this size are decoded one at a time in all threads: the largest take 256 MB each."""
_large_image_lock = threading.Lock()
REMARK = "quince_remark"
"""The key of a remark in `Image.info`, where Pillow keeps it through its conversions."""


def read_image(path: Path | str) -> bytes:
    """Returns the content of a regular file of at most 256 MB; never waits on a pipe or device.

    Raises:
        ImageRefused: the file is anything else or cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ImageRefused(str(path), "not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise ImageRefused(
                    str(path), f"{status.st_size} bytes; at most {MAX_FILE_BYTES} are read"
                )
            return _read_bytes(descriptor, status.st_size)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise ImageRefused(str(path), getattr(error, "strerror", None) or str(error)) from error


def _read_bytes(descriptor: int, size: int) -> bytes:
    """Reads up to `size` bytes with few system calls, because threads switch at each of them.

    A file object makes twice as many.
    """
    content = os.read(descriptor, size)
    while len(content) < size:
        chunk = os.read(descriptor, size - len(content))
        if not chunk:
            break
        content += chunk
    return content


def decode(
    content: bytes, min_side: int, name: str = "image", grey16: Grey16 | None = None
) -> Image.Image:
    """Returns a file's content as an upright RGB image; errors call it `name`.

    `Preprocessing.decode` calls it with what a model needs. `grey16` is the range of 16-bit grey.

    A JPEG may come back smaller: at the decoder's smallest scale whose sides, before it is turned
    upright, are at least `min_side`.

    Raises:
        ImageRefused: the format is unknown, the image is broken or over 64 million pixels or 20,000
            a side, or no rule covers its mode.
    """
    image = open_image(content, name)
    with raise_image_refused(name), _decoder_limits(image):
        image.draft(None, (min_side, min_side))
        image.load()
        return upright_rgb(image, grey16)


def open_image(content: bytes, name: str, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Returns a file's content as an image whose header alone was read; `load_image` decodes it.

    A JPEG that lacks nothing but its end marker gets one, and a remark: see `remark_on`.

    Raises:
        ImageRefused: the format is unknown, or over 64 million pixels or 20,000 a side.
    """
    if not content:
        raise ImageRefused(name, "empty file")
    try:
        with raise_image_refused(name):
            image = _open_with_pillow(content, formats)
            check_size(*image.size)
            if lacks_end_marker(content):
                return _with_end_marker(content, image)
            return image
    except UnidentifiedImageError as error:
        reason = "not an image"
        if content[4:8] == b"ftyp":
            reason = "a HEIC, AVIF or video file; save it as JPEG"
        raise ImageRefused(name, f"{reason} (formats read: {', '.join(formats)})") from error


def remark_on(image: Image.Image) -> str:
    """Returns what a user should know of an image from `open_image` or `decode`, mostly ""."""
    return str(image.info.get(REMARK, ""))


def _with_end_marker(content: bytes, image: Image.Image) -> Image.Image:
    with _decoder_limits(image):
        completed = complete_jpeg(content, _decode_jpeg)
    if completed is None:
        raise ImageRefused("image", MISSING_DATA)
    image = _open_with_pillow(completed)
    image.info[REMARK] = END_MARKER_REMARK
    return image


def _decode_jpeg(content: bytes) -> Image.Image:
    image = _open_with_pillow(content)
    image.load()
    return image


def load_image(image: Image.Image, name: str) -> None:
    """Decodes an opened image at full size; does nothing if it is decoded already.

    Raises:
        ImageRefused: the image is broken.
    """
    with raise_image_refused(name), _decoder_limits(image):
        image.load()


def small_copy(image: Image.Image, min_side: int) -> Image.Image:
    """Returns a copy of an opened JPEG that is decoded, when used, at a small scale without colour.

    Its sides are at least `min_side`. An image of another format, or that is decoded already, is
    returned itself.
    """
    content = getattr(image, "fp", None)
    if image.format != "JPEG" or not (
        getattr(image, "tile", None) and isinstance(content, BytesIO)
    ):
        return image
    copy = _open_with_pillow(content.getvalue())
    copy.draft("L", (min_side, min_side))
    return copy


def check_size(width: int, height: int, name: str = "image") -> None:
    """Refuses an image that would take too much memory, before anything is decoded.

    Raises:
        ImageRefused: it has over 64 million pixels or 20,000 a side.
    """
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageRefused(
            name,
            f"{width}x{height} pixels;"
            f" at most {MAX_PIXELS} in all and {MAX_SIDE} a side are decoded",
        )


def header_size(content: bytes) -> tuple[int, int]:
    """Returns (width, height) from an image file's header, without decoding it.

    Raises:
        ImageRefused: the content is not an image.
    """
    try:
        with _open_with_pillow(content) as image:
            return image.size
    except Exception as error:  # as in `raise_image_refused`
        raise ImageRefused("image", "not an image") from error


def decoded_size(content: bytes, min_side: int) -> tuple[int, int]:
    """Returns the (width, height) that `decode` decodes, before it turns the image upright.

    Two calls with the same result stand for the same pixels.

    Raises:
        ImageRefused: the content is not an image.
    """
    try:
        with _open_with_pillow(content) as image:
            image.draft(None, (min_side, min_side))
            return image.size
    except Exception as error:  # as in `raise_image_refused`
        raise ImageRefused("image", "not an image") from error


class raise_image_refused:
    """Raises ImageRefused, naming the image `name`, for whatever Pillow raises on a broken image.

    UnidentifiedImageError passes through, for `open_image`. A class takes less time than a
    generator, and each small image enters it twice.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or isinstance(error, MemoryError | UnidentifiedImageError):
            return
        if isinstance(error, ImageRefused):
            raise ImageRefused(self._name, error.reason) from error
        if isinstance(error, Image.DecompressionBombError):
            reason = f"too large; at most {MAX_PIXELS} pixels are decoded ({error})"
            raise ImageRefused(self._name, reason) from error
        # Pillow raises nearly any type on broken data: struct.error, SyntaxError, KeyError, ...
        if isinstance(error, Exception):
            reason = f"broken ({str(error) or type(error).__name__})"
            raise ImageRefused(self._name, reason) from error


def _decoder_limits(image: Image.Image) -> AbstractContextManager[object]:
    """Decodes large images one at a time, and hides what libtiff prints about a broken one."""
    is_large = image.width * image.height > LARGE_PIXELS
    lock = _large_image_lock if is_large else nullcontext()
    return _quietly(lock) if image.format == "TIFF" else lock


@contextmanager
def _quietly(lock: AbstractContextManager[object]) -> Generator[None, None, None]:
    with lock, quiet():
        yield


def _open_with_pillow(content: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Reads the header.

    A JPEG or PNG goes straight to its decoder, because `Image.open` first imports four others.
    """
    if content.startswith(b"\xff\xd8\xff"):
        from PIL import JpegImagePlugin  # with its needs 2 % of a start, which a PNG can spare

        return JpegImagePlugin.JpegImageFile(BytesIO(content))
    if "PNG" in formats and content.startswith(b"\x89PNG\r\n\x1a\n"):
        from PIL import PngImagePlugin

        with suppress(*NOT_THIS_FORMAT):
            return PngImagePlugin.PngImageFile(BytesIO(content))
    return Image.open(BytesIO(content), formats=formats)
