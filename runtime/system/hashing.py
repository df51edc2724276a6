"""Computes the sha256 by which files and pixels are compared, and the CRC-32 that a start checks.

hashlib loads OpenSSL, 3.7 MB and 2 % of a start, so it is imported for large contents only.
"""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from runtime.arrays import NDArray

try:
    from _sha2 import sha256 as _own_sha256  # type: ignore[import-not-found]
except ImportError:  # Python 3.11 and older
    try:
        from _sha256 import sha256 as _own_sha256  # type: ignore[import-not-found]
    except ImportError:  # a build of Python without its own
        from hashlib import sha256 as _own_sha256

MAX_SMALL_BYTES = 2**16
"""Up to this size Python's own sha256 is used, which needs six times OpenSSL's time."""


def sha256_of(content: bytes | NDArray[np.uint8] | Image.Image) -> str:
    """Returns the sha256 of bytes, of pixels or of an image's pixels, as 64 hex digits."""
    data = content if isinstance(content, bytes) else content.tobytes()
    if len(data) <= MAX_SMALL_BYTES:
        return str(_own_sha256(data).hexdigest())
    import hashlib

    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Returns the sha256 of a file of any size, read in parts, as 64 hex digits."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def crc32_of(content: bytes) -> str:
    """Returns the CRC-32 of bytes as 8 hex digits. It finds damage, and no manipulation."""
    return f"{zlib.crc32(content):08x}"
