"""Decoded pictures on disk: raw uint8 RGB, one file per content hash, one folder per geometry. A picture is decoded once, ever."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import MachineError
from runtime.preprocess import RULES_VERSION, Preprocessing, decode, resize


def default_cache() -> Path:
    """$XDG_CACHE_HOME/quince, else ~/.cache/quince, else .quince-cache here."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "quince"
    try:
        return Path.home() / ".cache" / "quince"
    except RuntimeError:
        return Path(".quince-cache")


class PixelCache:
    """The pixels of pictures at one geometry, found by the sha256 of the file they came from."""

    def __init__(self, folder: Path, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing
        self.shape = (preprocessing.height, preprocessing.width, 3)
        self._folder = folder / "pixels" / f"v{RULES_VERSION}-{preprocessing.width}x{preprocessing.height}-{preprocessing.fit}"

    def add(self, sha256: str, content: bytes, name: str) -> None:
        """Decodes a file's content into the cache, unless it is there.

        Raises:
            PictureRefused: not a readable picture.
            MachineError: the cache cannot be written.
        """
        path = self._path(sha256)
        with suppress(OSError):
            if path.stat().st_size == np.prod(self.shape):
                return
        pixels = resize(decode(content, self.preprocessing, name), self.preprocessing)
        temporary = path.with_name(f".{sha256}.{os.getpid()}.{threading.get_ident()}")
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

    def read(self, sha256s: list[str]) -> NDArray[np.uint8]:
        """(n, height, width, 3) uint8 pixels of pictures that were added.

        Raises:
            MachineError: one is no longer there, or cut.
        """
        pixels = np.empty((len(sha256s), *self.shape), np.uint8)
        for index, sha256 in enumerate(sha256s):
            try:
                pixels[index] = np.fromfile(self._path(sha256), np.uint8).reshape(self.shape)
            except (OSError, ValueError) as error:
                reason = "a decoded picture is gone from the cache or cut; give the same command again, which decodes it anew"
                raise MachineError(str(self._path(sha256)), reason) from error
        return pixels

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256
