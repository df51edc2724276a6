"""Small pictures inside the report: the pixels the model saw, as data: URLs."""

from collections.abc import Iterable

from export.trained import Run
from runtime.errors import InputRefused
from runtime.page import picture_url
from runtime.preprocess import preprocess
from runtime.run_folder import Picture


def thumbnails(run: Run, pictures: Iterable[Picture], side: int) -> dict[str, str]:
    """By path, a JPEG of at most `side` pixels; a picture that is gone or has changed has none."""
    found = {}
    for picture in pictures:
        try:
            found[picture.path] = picture_url(preprocess(run.read(picture), run.manifest.preprocessing), side)
        except InputRefused:
            continue
    return found
