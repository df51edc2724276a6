"""Thumbnails are the pixels the model saw, small, and inside the page."""

import base64
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from export.report.thumbnails import thumbnails
from runtime.images.preprocessing import preprocess


def test_a_thumbnail_is_the_preprocessed_image(opened) -> None:
    image = opened.split("test")[0]
    (url,) = thumbnails(opened, [image], 32).values()
    thumbnail = Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))))
    assert thumbnail.size == (32, 32)
    pixels = Image.fromarray(preprocess(opened.read(image), opened.manifest.preprocessing)).resize(
        (32, 32), Image.Resampling.BOX
    )
    assert np.abs(np.asarray(thumbnail, int) - np.asarray(pixels, int)).mean() < 6


def test_an_image_that_changed_has_none(opened, tmp_path: Path) -> None:
    changed, unchanged = opened.split("test")[:2]
    for image, content in ((changed, b"changed"), (unchanged, opened.read(unchanged))):
        (tmp_path / image.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / image.path).write_bytes(content)
    assert set(thumbnails(replace(opened, data=tmp_path), [changed, unchanged], 32)) == {
        unchanged.path
    }
