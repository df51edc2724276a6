"""Turns an image file or a frame into the pixels that a model takes.

`runtime.images` is the only code in Quince that decodes or resizes. Training, calibration, the
parity gate and the device all call `preprocess`, so they see the same bytes. The rules:

- The content decides the format, one of `runtime.images.decoding.FORMATS`; the name does not count.
  An image whose header states over 64 million pixels or over 20,000 a side is refused.
- The orientation in EXIF (or XMP) is applied; EXIF that cannot be read counts as upright.
- `Preprocessing.region` is cut out of the upright image, and what follows sees only that part.
- Only the first frame of an animation, page of a TIFF or image of an MPO is used.
- Alpha, and the transparent colour of a palette or PNG, is laid over white (in 16-bit grey a
  transparent value is a value like others).
- Palette, CMYK, YCbCr, LAB and 1-bit become RGB as Pillow converts them; colour profiles (ICC) and
  gamma are ignored.
- 16-bit grey keeps its upper 8 bits, unless `Preprocessing.grey16` gives a range, and Pillow
  decodes 16-bit colour to 8 bits. Float and 32-bit integer images are refused, because their range
  is unknown; signed 16-bit grey is refused without a range.
- JPEGs are decoded at the smallest of the decoder's own scales (1/1, 1/2, 1/4, 1/8) that is still
  twice the target (within the region), then resized with Pillow's antialiased BILINEAR. That is
  2.5-3 times faster on phone photos, with a mean difference below 0.3 of 255, and bit-identical on
  every processor and Pillow version tried.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from PIL import Image

from runtime.arrays import NDArray
from runtime.errors import InputRefused
from runtime.images.decoding import decode, read_image, remark_on
from runtime.images.grey16 import HIGHEST, LOWEST, Grey16
from runtime.images.region import WHOLE, Region, check_region, crop_region
from runtime.images.upright import upright_rgb
from runtime.system.json_records import REQUIRED

RULES_VERSION = 2
"""Is raised whenever the same file would give other pixels; part of every cache key."""

Fit = Literal["squash", "crop", "pad"]
Channels = Literal[3, 1]
GREY = (127, 127, 127)
MAX_SIDE = 4096
Side = Annotated[int, {"minimum": 1, "maximum": MAX_SIDE}]
LUMA_WEIGHTS = (19595, 38470, 7471)
"""ITU-R 601-2 in 65536ths, as Pillow makes grey of RGB (its documentation of `convert`)."""


@dataclass(frozen=True)
class Preprocessing:
    """Describes the pixels a model takes: upright uint8 (height, width, channels) in 0..255.

    fit: "crop" takes the largest centred part of the right shape, "pad" adds grey (127) borders,
        "squash" ignores the shape.
    channels: 3 for RGB, 1 for grey, which is made of the resized RGB pixels.
    grey16: (low, high), the values of 16-bit grey that become 0 and 255; without it the upper 8
        bits are kept.
    region: (x, y, width, height), the part of the image that is used, as fractions of it, 0..1;
        None for the whole image.
    """

    height: Side
    width: Side
    fit: Fit = field(default="crop", metadata=REQUIRED)
    channels: Channels = 3
    grey16: tuple[int, ...] | None = None
    region: Region | None = None

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if type(side) is not int or not 1 <= side <= MAX_SIDE:
                raise InputRefused(
                    "preprocessing", f"expected {name} from 1 to {MAX_SIDE}, found {str(side)[:50]}"
                )
        if self.fit not in get_args(Fit):
            raise InputRefused(
                "preprocessing", f"expected fit squash, crop or pad, found {str(self.fit)[:50]!r}"
            )
        if type(self.channels) is not int or self.channels not in get_args(Channels):
            raise InputRefused(
                "preprocessing", f"expected channels 3 or 1, found {str(self.channels)[:50]}"
            )

        if self.grey16 is not None:
            object.__setattr__(self, "grey16", _grey16_range(self.grey16))
        if self.region is not None:
            region = check_region(self.region, "preprocessing.region")
            object.__setattr__(self, "region", None if region == WHOLE else region)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Returns (height, width, channels)."""
        return self.height, self.width, self.channels

    @property
    def decode_side(self) -> int:
        """Returns the smallest side, in pixels, at which a JPEG may be decoded.

        It is the same for both sides, because the image is not upright yet.
        """
        side = 2 * max(self.width, self.height)
        return side if self.region is None else ceil(side / min(self.region[2:]))

    def decode(self, content: bytes, name: str = "image") -> Image.Image:
        """Returns a file's content as an upright RGB image, which `resize` takes.

        Raises:
            ImageRefused: see `runtime.images.decoding.decode`.
        """
        return decode(content, self.decode_side, name, self.grey16_range)

    def upright(self, image: Image.Image) -> Image.Image:
        """Returns an opened image as an upright RGB image, which `resize` takes."""
        return upright_rgb(image, self.grey16_range)

    @property
    def grey16_range(self) -> Grey16 | None:
        """Returns `grey16` as (low, high)."""
        return None if self.grey16 is None else (self.grey16[0], self.grey16[1])


def _grey16_range(values: Any) -> Grey16:
    """Returns the range of a manifest as a tuple."""
    if (
        not isinstance(values, list | tuple)
        or len(values) != 2
        or not all(type(value) is int for value in values)
        or not LOWEST <= values[0] < values[1] <= HIGHEST
    ):
        raise InputRefused(
            "preprocessing",
            f"expected grey16 to be two whole numbers, {LOWEST} to {HIGHEST}, the lower first, "
            f"found {str(values)[:50]}",
        )
    return values[0], values[1]


def preprocess(
    image: Path | str | bytes | Image.Image,
    preprocessing: Preprocessing,
    report: Callable[[str], None] | None = None,
) -> NDArray[np.uint8]:
    """Returns the pixels of a file, of a file's content, or of a decoded image.

    They are (height, width, 3) uint8 RGB, or (height, width, 1) uint8 grey, 0..255. `report`
    receives a remark on the image, if there is one.

    Raises:
        ImageRefused: this is not a readable image; the reason says why.
    """
    if isinstance(image, Image.Image):
        decoded = preprocessing.upright(image)
    elif isinstance(image, bytes):
        decoded = preprocessing.decode(image)
    else:
        decoded = preprocessing.decode(read_image(image), str(image))
    if report and (remark := remark_on(decoded)):
        report(remark)
    return resize(decoded, preprocessing)


def resize(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Returns an upright RGB image at the target size: (height, width, channels) uint8, 0..255.

    The region is cut out before.
    """
    image = crop_region(image, preprocessing.region)
    target = (preprocessing.width, preprocessing.height)
    if preprocessing.fit == "pad":
        image = _padded(image, target)
    elif preprocessing.fit == "crop":
        image = image.resize(target, Image.Resampling.BILINEAR, box=_centre_box(image, target))
    else:
        image = image.resize(target, Image.Resampling.BILINEAR)
    pixels = np.array(image)
    return to_grey(pixels) if preprocessing.channels == 1 else pixels


def _padded(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    from PIL import ImageOps  # imported late, as in `runtime.images.upright`

    try:
        return ImageOps.pad(image, target, Image.Resampling.BILINEAR, color=GREY)
    except ValueError:  # before Pillow 13, where a side of the image would round to 0 pixels
        return Image.new("RGB", target, GREY)


def to_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns (..., 3) RGB as (..., 1) grey, exactly as Pillow does."""
    weighted = pixels.astype(np.uint32) @ np.array(LUMA_WEIGHTS, np.uint32)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)[..., np.newaxis]


def pixels_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """Returns (height, width, 3) RGB or (height, width, 1) grey pixels as an image."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _centre_box(image: Image.Image, target: tuple[int, int]) -> tuple[float, float, float, float]:
    scale = min(image.width / target[0], image.height / target[1])
    # `min`, since the product can be one rounding too large.
    width, height = min(target[0] * scale, image.width), min(target[1] * scale, image.height)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return left, top, left + width, top + height
