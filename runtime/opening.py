"""A picture file is opened: read from disk, known by its content, refused by what its header says, decoded in its own size and mode.

What its pixels become is in `runtime.preprocess`, with the rules.
"""

import logging
import os
import stat
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path

from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from runtime.errors import PictureRefused
from runtime.quiet import quiet

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""What Pillow may open; a phone's MPO counts as JPEG."""
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"PIL\.")  # once and for all: `catch_warnings` around a decoder is not safe in threads

MAX_FILE_BYTES = 256 * 2**20
MAX_PIXELS = 64_000_000
MAX_SIDE = 20_000
LARGE = 16_000_000
"""Pixels from which pictures are decoded one at a time, however many threads ask: the largest take 256 MB and more."""
_large_alone = threading.Lock()


def read_picture(path: Path) -> bytes:
    """The content of a regular file of at most 256 MB; never waits on a pipe or device.

    Raises:
        PictureRefused: anything else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PictureRefused(str(path), "not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise PictureRefused(str(path), f"{status.st_size} bytes; at most {MAX_FILE_BYTES} are read")
            content = os.read(descriptor, status.st_size)  # a file object asks the system twice as often, and each time threads change
            while len(content) < status.st_size and (more := os.read(descriptor, status.st_size - len(content))):
                content += more
            return content
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise PictureRefused(str(path), getattr(error, "strerror", None) or str(error)) from error


def open_picture(content: bytes, name: str, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """A file's content as an image of which only the header was read; `load_picture` decodes it.

    Raises:
        PictureRefused: unknown format, or over 64 million pixels or 20,000 a side.
    """
    if not content:
        raise PictureRefused(name, "empty file")
    try:
        with refusals(name):
            image = opened(content, formats)
            check_size(*image.size)
            return image
    except UnidentifiedImageError as error:
        what = "a HEIC, AVIF or video file; save it as JPEG" if content[4:8] == b"ftyp" else "not a picture"
        raise PictureRefused(name, f"{what} (formats read: {', '.join(formats)})") from error


def load_picture(image: Image.Image, name: str) -> None:
    """Decodes an opened image as it is, at full size; one that is decoded already stays so.

    Raises:
        PictureRefused: it is broken.
    """
    with refusals(name), decoding(image):
        image.load()


@contextmanager
def refusals(name: str) -> Generator[None, None, None]:
    """Whatever Pillow raises on a broken picture becomes PictureRefused, naming `name`; but not that it knows no such format."""
    try:
        yield
    except PictureRefused as refusal:
        raise PictureRefused(name, refusal.reason) from refusal
    except (MemoryError, UnidentifiedImageError):
        raise
    except Image.DecompressionBombError as error:
        raise PictureRefused(name, f"too large; at most {MAX_PIXELS} pixels are decoded ({error})") from error
    except Exception as error:  # Pillow's decoders raise nearly any type on broken data: struct.error, SyntaxError, KeyError, ...
        raise PictureRefused(name, f"broken ({str(error) or type(error).__name__})") from error


@contextmanager
def decoding(image: Image.Image) -> Generator[None, None, None]:
    """Around a decoder: the largest pictures one at a time, and what libtiff prints of a broken one kept out of the terminal."""
    alone = _large_alone if image.width * image.height > LARGE else nullcontext()
    with alone, quiet() if image.format == "TIFF" else nullcontext():
        yield


def check_size(width: int, height: int, name: str = "picture") -> None:
    """Refuses, before anything is decoded, a picture that would take too much memory.

    Raises:
        PictureRefused: over 64 million pixels or 20,000 a side.
    """
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise PictureRefused(name, f"{width}x{height} pixels; at most {MAX_PIXELS} in all and {MAX_SIDE} a side are decoded")


def header_size(content: bytes) -> tuple[int, int]:
    """(width, height) as a picture file's header says, without decoding it.

    Raises:
        PictureRefused: not a picture.
    """
    try:
        with opened(content) as image:
            return image.size
    except Exception as error:  # as in `refusals`
        raise PictureRefused("picture", "not a picture") from error


def opened(content: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Its header is read. A JPEG is given to its own decoder: `Image.open` would import those of four other formats first."""
    if content.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile(BytesIO(content))
    return Image.open(BytesIO(content), formats=formats)
