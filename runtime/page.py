"""What the pages that Quince writes have in common: one file that needs no other and runs no script, in light and dark."""

import base64
import html
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""Its Content-Security-Policy: whatever a label or a file name smuggles in, a browser loads nothing and runs nothing."""


def head(title: str) -> str:
    """The beginning of a page, up to its style: `title` is text, and is escaped."""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>
{(files("runtime") / "page.css").read_text("utf-8")}</style>"""


def picture_url(pixels: NDArray[np.uint8], side: int) -> str:
    """(height, width, 3) uint8 RGB pixels as a data: URL of a JPEG of at most `side` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    content = BytesIO()
    image.save(content, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
