"""A camera's buffer becomes an image, by the pixel formats of V4L2."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from runtime.errors import PictureRefused
from runtime.opening import open_picture

PIXELS = {"MJPEG": 0, "JPEG": 0, "YUYV": 2, "UYVY": 2, "RGB24": 3, "BGR24": 3, "GREY": 1}
"""The formats taken, those that cost least first, by their V4L2 names; and the bytes of a pixel, 0 where they are compressed."""

RAW_MODES = {"RGB24": ("RGB", "RGB"), "BGR24": ("RGB", "BGR"), "GREY": ("L", "L")}
"""Pillow's mode and raw mode."""

FULL_LUMA = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)
FULL_CHROMA = np.clip((np.arange(256) - 128) * 255 / 224 + 128.5, 0, 255).astype(np.uint8)
"""(256,) uint8: cameras give luma in 16..235 and chroma in 16..240 (ITU-R BT.601), Pillow's YCbCr wants both in 0..255 (JFIF)."""


class Layout(NamedTuple):
    """What a driver says of its buffers: V4L2 pixel format, width and height in pixels, bytes from one row to the next (0: no padding)."""

    pixels: str
    width: int
    height: int
    row_bytes: int


def to_image(content: bytes, layout: Layout, name: str) -> Image.Image:
    """One buffer as an image: RGB, or grey where the camera is; a compressed one is not decoded yet.

    Raises:
        PictureRefused: it is not what the layout says.
    """
    size = (layout.width, layout.height)
    if layout.pixels in ("MJPEG", "JPEG"):
        return open_picture(content, name, formats=("JPEG",))
    row = layout.width * PIXELS[layout.pixels]
    row_bytes = layout.row_bytes or row
    expected = row_bytes * (layout.height - 1) + row
    if len(content) < expected or row_bytes < row:
        raise PictureRefused(name, f"expected {expected} bytes of {layout.width}x{layout.height} {layout.pixels}, found {len(content)}")
    if layout.pixels in RAW_MODES:
        mode, raw_mode = RAW_MODES[layout.pixels]
        return Image.frombytes(mode, size, content, "raw", raw_mode, row_bytes)
    padded = np.frombuffer(content.ljust(row_bytes * layout.height, b"\0"), np.uint8, row_bytes * layout.height)
    return _from_yuv(padded.reshape(layout.height, row_bytes)[:, :row].reshape(layout.height, layout.width // 2, 4), layout.pixels)


def _from_yuv(pairs: np.ndarray, pixels: str) -> Image.Image:  # type: ignore[type-arg]
    """(height, width / 2, 4) uint8, two pixels each with one chroma -> RGB."""
    luma, chroma = (slice(0, 4, 2), slice(1, 4, 2)) if pixels == "YUYV" else (slice(1, 4, 2), slice(0, 4, 2))
    height, half, _ = pairs.shape
    full = np.empty((height, half, 2, 3), np.uint8)
    full[..., 0] = FULL_LUMA[pairs[..., luma]]
    full[..., 1:] = FULL_CHROMA[pairs[..., chroma]][:, :, np.newaxis, :]
    return Image.fromarray(full.reshape(height, half * 2, 3), "YCbCr").convert("RGB")
