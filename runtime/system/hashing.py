"""Computes the sha256 by which files and pixels are compared."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def sha256_of(content: bytes | NDArray[np.uint8] | Image.Image) -> str:
    """Returns the sha256 of bytes, of pixels or of an image's pixels, as 64 hex digits."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.tobytes()).hexdigest()
