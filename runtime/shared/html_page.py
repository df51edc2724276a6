"""Writes the common parts of Quince's HTML pages.

A page is one file that needs no other and runs no script, in light and dark mode.
"""

import base64
import html
from importlib.resources import files
from io import BytesIO

import numpy as np

from runtime.arrays import NDArray
from runtime.images.preprocessing import pixels_image

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)
"""The Content-Security-Policy: a browser loads and runs nothing, whatever a label contains."""


def html_head(title: str) -> str:
    """Returns the beginning of a page, up to its style; `title` is text, and is escaped."""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>
{(files("runtime.shared") / "html_page.css").read_text("utf-8")}</style>"""


def image_data_url(pixels: NDArray[np.uint8], side: int) -> str:
    """Returns (height, width, 3) uint8 RGB or (height, width, 1) grey pixels as a JPEG.

    It is a data: URL. Its longer side is at most `side` pixels.
    """
    image = pixels_image(pixels)
    image.thumbnail((side, side))
    content = BytesIO()
    image.save(content, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
