"""Draws an image with its heat map."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from runtime.arrays import NDArray
from runtime.bundles.examples import NEAREST, Neighbour
from runtime.explanation.explainer import Explanation
from runtime.images.preprocessing import pixels_image
from runtime.system.terminal import escape_unprintable

SIDE, GAP, LINE, MARGIN = 320, 8, 32, 12
"""Pixels of the picture: the longer side of an image, between both, of a line of text, around it.
"""
BACK, TEXT, SOFT = (24, 27, 31), (240, 242, 244), (163, 171, 179)
THUMBNAIL = 96
"""Pixels of the side of a training image below the text."""
LABEL_SIZE, NOTE_SIZE = 26, 18
ELLIPSIS = "…"
MAX_LABEL_CHARS = 200
COMPRESSION = 1
"""Of 0 to 9: a third of the time of the usual 6, for a file that is a tenth larger."""
COLOURS = np.array(
    [(0, 0, 0), (74, 12, 107), (187, 55, 84), (249, 142, 9), (252, 255, 164)], np.float32
)
"""Five colours of matplotlib's map "inferno", whose lightness grows evenly, also without colour."""
DARKEST, STRONGEST = 0.35, 0.75
"""How much of the grey image is left where nothing speaks for the class, and the most colour."""


def overlay(pixels: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Returns the image in grey under its heat map: (height, width, 3) uint8.

    Args:
        pixels: (height, width, channels) uint8.
        heat: (height, width) float32, 0..1.
    """
    heat = heat[..., np.newaxis]
    grey = np.asarray(pixels_image(pixels).convert("L"), np.float32)[..., np.newaxis]
    position = heat[..., 0] * (len(COLOURS) - 1)
    steps = range(len(COLOURS))
    colour = np.stack([np.interp(position, steps, COLOURS[:, part]) for part in range(3)], axis=-1)
    opacity = STRONGEST * heat
    mixed: NDArray[np.float32] = grey * (DARKEST + (1 - DARKEST) * heat) * (1 - opacity)
    return (mixed + colour * opacity).round().astype(np.uint8)


def draw(
    pixels: NDArray[np.uint8], explanation: Explanation, label: str, score: float
) -> Image.Image:
    """Returns the image at the left, its heat map at the right, the answer and examples below.

    Args:
        pixels: (height, width, channels) uint8, what the model saw.
        explanation: of those pixels.
        label: any text.
        score: 0..1.
    """
    sides = pixels.shape[1], pixels.shape[0]
    scale = SIDE / max(sides)
    width, height = (max(1, round(side * scale)) for side in sides)
    text_end = height + 2 * LINE + MARGIN
    room_below = THUMBNAIL + LINE + MARGIN if explanation.nearest else 0
    picture = Image.new("RGB", (2 * SIDE + GAP, text_end + room_below), BACK)
    left = (SIDE - width) // 2
    for number, shown in enumerate((pixels, overlay(pixels, explanation.map))):
        part = pixels_image(shown).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        picture.paste(part, (left + number * (SIDE + GAP), 0))
    write = ImageDraw.Draw(picture)
    digits = f"  {score:.3f}"
    font = ImageFont.load_default(LABEL_SIZE)
    room = picture.width - 2 * MARGIN - font.getlength(digits)
    line = _shortened(escape_unprintable(label), font, room) + digits
    write.text((MARGIN, height + MARGIN // 2), line, TEXT, font)
    note = f"{explanation.method}: {_meaning(explanation)}"
    write.text((MARGIN, height + MARGIN // 2 + LINE), note, SOFT, ImageFont.load_default(NOTE_SIZE))
    if explanation.nearest:
        _draw_nearest(picture, write, explanation.nearest, text_end)
    return picture


def _draw_nearest(
    picture: Image.Image, write: ImageDraw.ImageDraw, nearest: Sequence[Neighbour], top: int
) -> None:
    """Draws the nearest training images side by side, each with its class and similarity."""
    font = ImageFont.load_default(NOTE_SIZE)
    write.text((MARGIN, top), "the most similar of the training images in the bundle:", SOFT, font)
    column = (picture.width - MARGIN) // NEAREST
    for number, (example, similarity, pixels) in enumerate(nearest):
        left = MARGIN + number * column
        part = pixels_image(pixels).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
        picture.paste(part, (left, top + LINE))
        text = left + THUMBNAIL + GAP
        label = _shortened(escape_unprintable(example.label), font, column - THUMBNAIL - 2 * GAP)
        write.text((text, top + LINE), label, TEXT, font)
        write.text((text, top + 2 * LINE), f"{similarity:.3f}", SOFT, font)


def _meaning(explanation: Explanation) -> str:
    if explanation.unlike:
        if explanation.map.any():
            return "light places are least like good parts"
        return "no place alone is unlike good parts"
    if explanation.map.any():
        return "light places speak most for this answer"
    return "no place alone speaks for this answer"


def png(picture: Image.Image) -> bytes:
    """Returns the picture as a PNG file."""
    content = BytesIO()
    picture.save(content, "PNG", compress_level=COMPRESSION)
    return content.getvalue()


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    """Returns the start of the text that has room, in pixels."""
    text = text[:MAX_LABEL_CHARS]
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + ELLIPSIS) > room:
        text = text[:-1]
    return text + ELLIPSIS
