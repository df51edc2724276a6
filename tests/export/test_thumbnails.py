"""Thumbnails are the pixels the model saw, small, and inside the page."""

import base64
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from export.thumbnails import thumbnails
from runtime.preprocess import preprocess


def test_a_thumbnail_is_the_preprocessed_picture(opened) -> None:
    picture = opened.split("test")[0]
    (url,) = thumbnails(opened, [picture], 32).values()
    image = Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))))
    assert image.size == (32, 32)
    pixels = Image.fromarray(preprocess(opened.read(picture), opened.manifest.preprocessing)).resize((32, 32), Image.Resampling.BOX)
    assert np.abs(np.asarray(image, int) - np.asarray(pixels, int)).mean() < 6


def test_a_picture_that_changed_has_none(opened, tmp_path: Path) -> None:
    picture, other = opened.split("test")[:2]
    for one, content in ((picture, b"changed"), (other, opened.read(other))):
        (tmp_path / one.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / one.path).write_bytes(content)
    assert set(thumbnails(replace(opened, data=tmp_path), [picture, other], 32)) == {other.path}
