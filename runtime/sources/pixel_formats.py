"""Turns a camera's buffer into an image, by V4L2 pixel format."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from runtime.arrays import NDArray
from runtime.errors import ImageRefused
from runtime.images.decoding import open_image

COMPRESSED = ("MJPEG", "JPEG")
PIXEL_BYTES = {"MJPEG": 0, "JPEG": 0, "YUYV": 2, "UYVY": 2, "RGB24": 3, "BGR24": 3, "GREY": 1}
"""Bytes per pixel of the supported formats, by V4L2 name, the cheapest first; 0 if compressed."""

RAW_MODES = {"RGB24": ("RGB", "RGB"), "BGR24": ("RGB", "BGR"), "GREY": ("L", "L")}
"""Pillow's mode and raw mode."""

FULL_LUMA = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)
FULL_CHROMA = np.clip((np.arange(256) - 128) * 255 / 224 + 128.5, 0, 255).astype(np.uint8)
"""(256,) uint8 tables from limited to full range.

Cameras give luma in 16..235 and chroma in 16..240 (ITU-R BT.601). Pillow's YCbCr expects 0..255
for both (JFIF).
"""


class BufferLayout(NamedTuple):
    """The buffer layout that a driver reports.

    Pixel format (V4L2 name), width and height in pixels, and bytes from one row to the next (0: the
    rows have no padding).
    """

    pixels: str
    width: int
    height: int
    row_bytes: int


def to_image(content: bytes, layout: BufferLayout, name: str) -> Image.Image:
    """Returns one buffer as an RGB or grey image; a compressed one is not decoded yet.

    Raises:
        ImageRefused: the buffer does not have the reported layout.
    """
    if layout.pixels in COMPRESSED:
        return open_image(content, name, formats=("JPEG",))
    width_bytes = layout.width * PIXEL_BYTES[layout.pixels]
    row_bytes = layout.row_bytes or width_bytes
    expected = row_bytes * (layout.height - 1) + width_bytes
    if len(content) < expected or row_bytes < width_bytes:
        image = f"{layout.width}x{layout.height} {layout.pixels}"
        raise ImageRefused(name, f"expected {expected} bytes of {image}, found {len(content)}")
    if layout.pixels in RAW_MODES:
        mode, raw_mode = RAW_MODES[layout.pixels]
        size = (layout.width, layout.height)
        return Image.frombytes(mode, size, content, "raw", raw_mode, row_bytes)
    total_bytes = row_bytes * layout.height
    rows = np.frombuffer(content.ljust(total_bytes, b"\0"), np.uint8, total_bytes)
    rows = rows.reshape(layout.height, row_bytes)[:, :width_bytes]
    return _from_yuv(rows.reshape(layout.height, layout.width // 2, 4), layout.pixels)


def _from_yuv(pairs: NDArray[np.uint8], pixels: str) -> Image.Image:
    """Converts (height, width / 2, 4) uint8, two pixels each that share chroma, to RGB."""
    even, odd = slice(0, 4, 2), slice(1, 4, 2)
    luma, chroma = (even, odd) if pixels == "YUYV" else (odd, even)
    height, half, _ = pairs.shape
    full = np.empty((height, half, 2, 3), np.uint8)
    full[..., 0] = FULL_LUMA[pairs[..., luma]]
    full[..., 1:] = FULL_CHROMA[pairs[..., chroma]][:, :, np.newaxis, :]
    return Image.fromarray(full.reshape(height, half * 2, 3), "YCbCr").convert("RGB")
