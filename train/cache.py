"""Decoded pictures on disk: raw uint8 RGB, one file per content hash, one folder per geometry. A picture is decoded once, ever.

Beside the geometry asked for, every picture leaves a thumbnail to compare pictures by, which no option changes. Both come from one
decoding, unless the picture is a JPEG of which the geometry lets the decoder take another scale than 224x224 does.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import MachineError
from runtime.preprocess import RULES_VERSION, Preprocessing, decode, decoded_size, resize

THUMBNAIL = Preprocessing(32, 32, "squash")
DECODED_FOR = Preprocessing(224, 224)
"""Thumbnails are made from the picture as it is decoded for this geometry, the one most backbones were made for."""


class PixelCache:
    """The pixels of pictures at one geometry, found by the sha256 of the file they came from."""

    def __init__(self, folder: Path, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing
        self.shape = (preprocessing.height, preprocessing.width, 3)
        self._root = folder / "pixels"

    def add(self, sha256: str, content: bytes, name: str) -> None:
        """Decodes a file's content into the cache, unless it is there.

        Raises:
            PictureRefused: not a readable picture.
            MachineError: the cache cannot be written.
        """
        image = None
        if not self._has(sha256, self.preprocessing):
            image = decode(content, self.preprocessing, name)
            _write(self._path(sha256, self.preprocessing), resize(image, self.preprocessing))
        if not self._has(sha256, THUMBNAIL):
            if image is None or decoded_size(content, self.preprocessing) != decoded_size(content, DECODED_FOR):
                image = decode(content, DECODED_FOR, name)
            _write(self._path(sha256, THUMBNAIL), resize(image, THUMBNAIL))

    def read(self, sha256s: list[str]) -> NDArray[np.uint8]:
        """(n, height, width, 3) uint8 pixels of pictures that were added.

        Raises:
            MachineError: one is no longer there, or cut.
        """
        return self._read(sha256s, self.preprocessing)

    def thumbnails(self, sha256s: list[str]) -> NDArray[np.uint8]:
        """(n, 32, 32, 3) uint8 thumbnails of pictures that were added: the whole picture, squashed."""
        return self._read(sha256s, THUMBNAIL)

    def _read(self, sha256s: list[str], preprocessing: Preprocessing) -> NDArray[np.uint8]:
        shape = (preprocessing.height, preprocessing.width, 3)
        pixels = np.empty((len(sha256s), *shape), np.uint8)
        for index, sha256 in enumerate(sha256s):
            path = self._path(sha256, preprocessing)
            try:
                pixels[index] = np.fromfile(path, np.uint8).reshape(shape)
            except (OSError, ValueError) as error:
                reason = "a decoded picture is gone from the cache or cut; give the same command again, which decodes it anew"
                raise MachineError(str(path), reason) from error
        return pixels

    def _has(self, sha256: str, preprocessing: Preprocessing) -> bool:
        try:
            return self._path(sha256, preprocessing).stat().st_size == preprocessing.height * preprocessing.width * 3
        except OSError:
            return False

    def _path(self, sha256: str, preprocessing: Preprocessing) -> Path:
        kind = "thumbnails-" if preprocessing is THUMBNAIL else ""
        geometry = f"{kind}v{RULES_VERSION}-{preprocessing.width}x{preprocessing.height}-{preprocessing.fit}"
        return self._root / geometry / sha256[:2] / sha256


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(pixels.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise MachineError(
            str(path.parent), f"the picture cache cannot be written: {error.strerror}; choose another with --cache"
        ) from error
