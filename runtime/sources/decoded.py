"""What PyAV decoded becomes an image."""

from typing import Any

from PIL import Image

TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, -180: Image.Transpose.ROTATE_180, -90: Image.Transpose.ROTATE_270}
"""What a phone held upright writes beside its pictures: degrees, counter-clockwise."""


def upright(frame: Any) -> Image.Image:
    """A decoded `av.VideoFrame` as RGB, turned as its file says."""
    image: Image.Image = frame.to_image()
    turn = TURNS.get(int(frame.rotation))
    return image if turn is None else image.transpose(turn)
