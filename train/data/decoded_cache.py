"""Keeps decoded images on disk: raw uint8, one file per content hash, one folder per geometry.

An image is decoded only once. Beside the pixels in the geometry of the model, every image leaves a
thumbnail by which images are compared; only --grey16 and --region change it. Both come from one
decoding, except where a JPEG decoder uses another scale for the geometry than for 224x224.
"""

import math
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.errors import InputRefused, MachineError
from runtime.images.decoding import decode, decoded_size, load_image
from runtime.images.grey16 import HIGHEST, LOWEST, Grey16, count_values, is_grey16
from runtime.images.preprocessing import RULES_VERSION, Preprocessing, resize
from runtime.images.region import region_text

THUMBNAIL = Preprocessing(32, 32, "squash")
DECODED_FOR = Preprocessing(224, 224)
"""Thumbnails are made from the image as it is decoded for this geometry, that of most backbones."""
IGNORED_FRACTION = 1e-4
"""This part of the lowest and of the highest pixels of an image does not count (dead pixels)."""


class Grey16Use(NamedTuple):
    """Describes the values of a 16-bit grey image.

    low, high: the lowest and highest, without IGNORED_FRACTION of the pixels at each end.
    values: how many different ones. kept: how many of them the upper 8 bits still tell apart.
    """

    low: int
    high: int
    values: int
    kept: int

    @property
    def range(self) -> Grey16:
        """Returns the values that become 0 and 255 where an image is compared with others."""
        low = min(self.low, HIGHEST - 1)
        return low, max(self.high, low + 1)


class PixelCache:
    """Holds the pixels of images in one geometry, under the sha256 of the image file."""

    def __init__(
        self, folder: Path, preprocessing: Preprocessing, *, fits_grey16: bool = False
    ) -> None:
        """Stores where the pixels go.

        With `fits_grey16`, the range of 16-bit grey is not known yet: `add` leaves only a
        thumbnail, in the image's own range. `fitted` returns the cache for the pixels.
        """
        self.preprocessing = preprocessing
        self.shape = preprocessing.shape
        self._folder, self._root = folder, folder / "pixels"
        self._own_range = fits_grey16
        self._thumbnails = "thumbnails-own-range-" if fits_grey16 else "thumbnails-"
        self._thumbnail = replace(THUMBNAIL, region=preprocessing.region)
        self._decoded_for = replace(DECODED_FOR, region=preprocessing.region)

    @property
    def fits_grey16(self) -> bool:
        """Whether the range of 16-bit grey is still to be fitted."""
        return self._own_range and self.preprocessing.grey16 is None

    def fitted(self, grey16: Grey16) -> "PixelCache":
        """Returns the cache of pixels whose 16-bit grey has this range; it has these thumbnails."""
        preprocessing = replace(self.preprocessing, grey16=grey16)
        return PixelCache(self._folder, preprocessing, fits_grey16=True)

    def add(self, sha256: str, content: bytes, opened: Image.Image, name: str) -> Grey16Use | None:
        """Decodes the content of the file `name` into the cache, unless it is there.

        `opened` is what `open_image` returns of it. Returns what a 16-bit grey image uses, and None
        for others.

        Raises:
            ImageRefused: not a readable image.
            MachineError: the cache cannot be written.
        """
        image, decode_side = None, self.preprocessing.decode_side
        use = self._grey16_use(sha256, opened, name)
        if not self.fits_grey16 and not self._has(sha256, self.preprocessing):
            image = decode(content, decode_side, name, self.preprocessing.grey16_range)
            _write(self._path(sha256, self.preprocessing), resize(image, self.preprocessing))
        if not self._has(sha256, self._thumbnail):
            grey16 = use.range if use and self._own_range else None
            if (
                image is None
                or grey16
                or decoded_size(content, decode_side)
                != decoded_size(content, self._decoded_for.decode_side)
            ):
                image = decode(content, self._decoded_for.decode_side, name, grey16)
            _write(self._path(sha256, self._thumbnail), resize(image, self._thumbnail))
        return use

    def _grey16_use(self, sha256: str, image: Image.Image, name: str) -> Grey16Use | None:
        if not is_grey16(image):
            return None
        path = self._root / f"grey16-v{RULES_VERSION}" / sha256[:2] / sha256
        with suppress(OSError):
            if len(numbers := np.fromfile(path, np.int32)) == len(Grey16Use._fields):
                return Grey16Use(*numbers.tolist())
        load_image(image, name)
        use = _measure(image)
        _write(path, np.array(use, np.int32))
        return use

    def read(self, sha256s: list[str]) -> NDArray[np.uint8]:
        """Returns (n, height, width, channels) uint8 pixels of images that were added.

        Raises:
            MachineError: an image is no longer there, or its file is cut.
        """
        return self._read(sha256s, self.preprocessing)

    def thumbnails(self, sha256s: list[str]) -> NDArray[np.uint8]:
        """Returns (n, 32, 32, 3) uint8 thumbnails of images that were added: the image squashed.

        With a region they show only that, because frames of one camera are alike elsewhere.
        """
        return self._read(sha256s, self._thumbnail)

    def _read(self, sha256s: list[str], preprocessing: Preprocessing) -> NDArray[np.uint8]:
        shape = preprocessing.shape
        pixels = np.empty((len(sha256s), *shape), np.uint8)
        for index, sha256 in enumerate(sha256s):
            path = self._path(sha256, preprocessing)
            try:
                pixels[index] = np.fromfile(path, np.uint8).reshape(shape)
                os.utime(path)  # --cache-limit removes what was unused for longest
            except (OSError, ValueError) as error:
                raise MachineError(
                    str(path),
                    "a decoded image is missing from the cache or cut; "
                    "run the same command again, which decodes it anew",
                ) from error
        return pixels

    def _has(self, sha256: str, preprocessing: Preprocessing) -> bool:
        try:
            size = self._path(sha256, preprocessing).stat().st_size
        except OSError:
            return False
        return size == math.prod(preprocessing.shape)

    def _path(self, sha256: str, preprocessing: Preprocessing) -> Path:
        prefix = self._thumbnails if preprocessing is self._thumbnail else ""
        size = f"{preprocessing.width}x{preprocessing.height}"
        colours = "-grey" if preprocessing.channels == 1 else ""
        if preprocessing.grey16:
            colours += "-16bit_{}_{}".format(*preprocessing.grey16)
        if preprocessing.region:
            colours += f"-region_{region_text(preprocessing.region)}"
        folder = f"{prefix}v{RULES_VERSION}-{size}-{preprocessing.fit}{colours}"
        return self._root / folder / sha256[:2] / sha256


def fit_grey16(uses: Iterable[Grey16Use], thing: str) -> Grey16:
    """Returns the lowest and the highest value of all training images.

    Raises:
        InputRefused: none is 16-bit grey, or all pixels have one value; the error names `thing`.
    """
    ranges = list(uses)
    if not ranges:
        raise InputRefused(
            thing, "none of its training images is 16-bit grey; leave out --grey16 data-range"
        )
    low, high = min(use.low for use in ranges), max(use.high for use in ranges)
    if low == high:
        raise InputRefused(thing, f"all its 16-bit training images have the single value {low}")
    return low, high


def colour16_peak(image: Image.Image) -> int | None:
    """Returns the highest 8-bit value of 16-bit colour; Pillow keeps the upper bits.

    Returns None for an image that is not 16-bit colour, or that was decoded already.
    """
    tiles = getattr(image, "tile", None)  # gone where the pixels are there
    if is_grey16(image) or not tiles or ";16" not in str(tiles[0][3]):
        return None
    return int(np.asarray(image.convert("RGB")).max())


def _measure(image: Image.Image) -> Grey16Use:
    counts = count_values(image)
    total = np.cumsum(counts)
    ignored = int(total[-1] * IGNORED_FRACTION)
    low = int(np.searchsorted(total, ignored, side="right"))
    high = int(np.searchsorted(total, total[-1] - ignored))
    used = np.flatnonzero(counts) + LOWEST
    return Grey16Use(low + LOWEST, high + LOWEST, len(used), len(np.unique(used >> 8)))


def _write(path: Path, pixels: NDArray[np.uint8] | NDArray[np.int32]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(pixels.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise MachineError(
            str(path.parent),
            f"the image cache cannot be written: {error.strerror}; choose another with --cache",
        ) from error
