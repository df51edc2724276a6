"""A picture file or a frame becomes pixels: the only code in Quince that decodes or resizes.

Training, calibration, the parity gate and the device all call `preprocess`, so they see the same bytes. The rules:

- one of `FORMATS` by its content, whatever its name says; 64 million pixels and 20,000 a side at most, as its header says;
- upright: the orientation in EXIF (or XMP) is applied; EXIF that cannot be read counts as upright;
- the first frame of an animation, page of a TIFF, picture of an MPO;
- alpha, and a palette's or PNG's transparent colour, is laid over white (in 16-bit grey a transparent value is a value like others);
- palette, CMYK, YCbCr, LAB and 1-bit become RGB as Pillow converts them; colour profiles (ICC) and gamma are ignored;
- 16-bit grey keeps its upper 8 bits, 16-bit colour is 8-bit as Pillow decodes it; float and 32-bit integer pictures are refused
  (their range is anyone's guess);
- JPEGs are decoded at the smallest of the decoder's own scales (1/1, 1/2, 1/4, 1/8) that is still twice the target, then
  resized with Pillow's antialiased BILINEAR: 2.5-3 times faster on phone photos, mean difference below 0.3 of 255, and
  bit-identical on every processor and Pillow version tried.
"""

import hashlib
import logging
import os
import stat
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, JpegImagePlugin, UnidentifiedImageError

from runtime.errors import InputRefused, PictureRefused
from runtime.quiet import quiet

RULES_VERSION = 1
"""Raised whenever the same file would give other pixels; part of every cache key."""

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

Fit = Literal["squash", "crop", "pad"]


@dataclass(frozen=True)
class Preprocessing:
    """What pixels a model wants: RGB uint8 (height, width, 3) in 0..255, upright.

    fit: "crop" takes the largest centred part of the right shape, "pad" adds grey (127) borders, "squash" ignores the shape.
    """

    height: int
    width: int
    fit: Fit = "crop"

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if type(side) is not int or not 1 <= side <= 4096:
                raise InputRefused("preprocessing", f"expected {name} from 1 to 4096, found {side!r}")
        if self.fit not in get_args(Fit):
            raise InputRefused("preprocessing", f"expected fit squash, crop or pad, found {self.fit!r}")


def preprocess(picture: Path | str | bytes | Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The pixels of a file, of a file's content, or of a decoded image: (height, width, 3) uint8 RGB, 0..255.

    Raises:
        PictureRefused: not a readable picture; the reason says why.
    """
    if isinstance(picture, Image.Image):
        return resize(upright_rgb(picture), preprocessing)
    if isinstance(picture, bytes):
        return resize(decode(picture, preprocessing), preprocessing)
    return resize(decode(read_picture(Path(picture)), preprocessing, str(picture)), preprocessing)


def read_picture(path: Path) -> bytes:
    """The content of a regular file of at most 256 MB; never waits on a pipe or device.

    Raises:
        PictureRefused: anything else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PictureRefused(str(path), "not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise PictureRefused(str(path), f"{status.st_size} bytes; at most {MAX_FILE_BYTES} are read")
            return file.read()
    except (OSError, ValueError) as error:
        raise PictureRefused(str(path), getattr(error, "strerror", None) or str(error)) from error


def decode(content: bytes, preprocessing: Preprocessing, name: str = "picture") -> Image.Image:
    """A file's content as an upright RGB image, JPEGs scaled down by the decoder to no less than twice the target.

    `name` is what an error calls it.

    Raises:
        PictureRefused: unknown format, broken, over 64 million pixels or 20,000 a side, or a mode without a rule.
    """
    image = open_picture(content, name)
    with refusals(name), _decoding(image):
        image.draft(None, _draft_size(image, preprocessing))
        image.load()
        return upright_rgb(image)


def open_picture(content: bytes, name: str, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """A file's content as an image of which only the header was read; `load_picture` decodes it.

    Raises:
        PictureRefused: unknown format, or over 64 million pixels or 20,000 a side.
    """
    if not content:
        raise PictureRefused(name, "empty file")
    try:
        with refusals(name):
            image = _opened(content, formats)
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
    with refusals(name), _decoding(image):
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
def _decoding(image: Image.Image) -> Generator[None, None, None]:
    alone = _large_alone if image.width * image.height > LARGE else nullcontext()
    with alone, quiet() if image.format == "TIFF" else nullcontext():  # libtiff prints what it finds wrong
        yield


def header_size(content: bytes) -> tuple[int, int]:
    """(width, height) as a picture file's header says, without decoding it.

    Raises:
        PictureRefused: not a picture.
    """
    try:
        with _opened(content) as image:
            return image.size
    except Exception as error:  # as in `decode`
        raise PictureRefused("picture", "not a picture") from error


def decoded_size(content: bytes, preprocessing: Preprocessing) -> tuple[int, int]:
    """(width, height) of what `decode` would decode, before the orientation is applied; the same sizes are the same pixels.

    Raises:
        PictureRefused: not a picture.
    """
    try:
        with _opened(content) as image:
            image.draft(None, _draft_size(image, preprocessing))
            return image.size
    except Exception as error:  # as in `decode`
        raise PictureRefused("picture", "not a picture") from error


def upright_rgb(image: Image.Image) -> Image.Image:
    """The image as 8-bit RGB with its EXIF orientation applied, by the rules above.

    Raises:
        PictureRefused: a mode without a rule (float, 32-bit integer).
    """
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")  # Pillow stretches a PGM's grey to 0..65535
    if image.mode != "RGB" or image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # else it would only be copied
        from PIL import ImageOps  # with what it imports, a hundredth of a start; upright RGB photos do not need it

        image = ImageOps.exif_transpose(image)
    if deep:
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("F", "I"):
        raise PictureRefused("picture", f"mode {image.mode} (float or 32-bit pixels) has no fixed range; save it as 8-bit")
    if _has_transparency(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _has_transparency(image: Image.Image) -> bool:
    """An alpha channel, a palette with one, or one colour declared transparent: Pillow's own property, which Debian 12's Pillow 9 lacks."""
    palette_alpha = image.mode == "P" and image.palette is not None and image.palette.mode.endswith("A")
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info or palette_alpha


def resize(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """An upright RGB image at the target size: (height, width, 3) uint8, 0..255."""
    target = (preprocessing.width, preprocessing.height)
    if preprocessing.fit == "pad":
        from PIL import ImageOps  # as above

        image = ImageOps.pad(image, target, Image.Resampling.BILINEAR, color=(127, 127, 127))
    elif preprocessing.fit == "crop":
        image = image.resize(target, Image.Resampling.BILINEAR, box=_centre_box(image, target))
    else:
        image = image.resize(target, Image.Resampling.BILINEAR)
    return np.array(image)


def digest(content: bytes | NDArray[np.uint8] | Image.Image) -> str:
    """The sha256 of a file's content, of pixels, or of a decoded image's pixels, as 64 hex digits."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.tobytes()).hexdigest()


def _opened(content: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Its header is read. A JPEG is given to its own decoder: `Image.open` would import those of four other formats first."""
    if content.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile(BytesIO(content))
    return Image.open(BytesIO(content), formats=formats)


def check_size(width: int, height: int, name: str = "picture") -> None:
    """Refuses, before anything is decoded, a picture that would take too much memory.

    Raises:
        PictureRefused: over 64 million pixels or 20,000 a side.
    """
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise PictureRefused(name, f"{width}x{height} pixels; at most {MAX_PIXELS} in all and {MAX_SIDE} a side are decoded")


def _draft_size(image: Image.Image, preprocessing: Preprocessing) -> tuple[int, int]:
    side = 2 * max(preprocessing.width, preprocessing.height)  # square, since the orientation is not applied yet
    return side, side


def _centre_box(image: Image.Image, target: tuple[int, int]) -> tuple[float, float, float, float]:
    scale = min(image.width / target[0], image.height / target[1])
    width, height = min(target[0] * scale, image.width), min(target[1] * scale, image.height)  # the product can be one rounding too large
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return left, top, left + width, top + height
