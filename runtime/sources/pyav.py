"""Turns frames that PyAV decoded into images."""

from typing import Any

from PIL import Image

ROTATIONS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    -180: Image.Transpose.ROTATE_180,
    -90: Image.Transpose.ROTATE_270,
}
"""Pillow's operation for a rotation in degrees, counter-clockwise.

Phones store the rotation beside the frames.
"""


def upright(frame: Any) -> Image.Image:
    """Returns a decoded `av.VideoFrame` as an RGB image, with its rotation applied."""
    image: Image.Image = frame.to_image()
    rotation = ROTATIONS.get(int(frame.rotation))
    return image if rotation is None else image.transpose(rotation)


def error_text(error: Exception) -> str:
    """Returns FFmpeg's own text for an error, without PyAV's number and function name."""
    return getattr(error, "strerror", None) or str(error)
