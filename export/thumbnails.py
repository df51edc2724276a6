"""Small pictures inside the report: the pixels the model saw, as data: URLs."""

import base64
from collections.abc import Iterable
from io import BytesIO

from PIL import Image

from export.trained import Run
from runtime.errors import InputRefused
from runtime.preprocess import preprocess
from runtime.run_folder import Picture


def thumbnails(run: Run, pictures: Iterable[Picture], side: int) -> dict[str, str]:
    """By path, a JPEG of at most `side` pixels; a picture that is gone or has changed has none."""
    found = {}
    for picture in pictures:
        try:
            image = Image.fromarray(preprocess(run.read(picture), run.manifest.preprocessing))
        except InputRefused:
            continue
        image.thumbnail((side, side))
        content = BytesIO()
        image.save(content, "JPEG", quality=85)
        found[picture.path] = f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
    return found
