"""What stands for bytes or pixels wherever they are compared: their sha256."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def digest(content: bytes | NDArray[np.uint8] | Image.Image) -> str:
    """The sha256 of a file's content, of pixels, or of a decoded image's pixels, as 64 hex digits."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.tobytes()).hexdigest()
