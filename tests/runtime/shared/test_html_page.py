"""The head and the images of a page."""

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from runtime.shared.html_page import html_head, image_data_url


def test_a_title_is_text() -> None:
    page = html_head("</title><script>alert(1)</script>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_browser_may_load_nothing_but_what_is_inside() -> None:
    page = html_head("x")
    assert "default-src 'none'" in page
    assert page.index("Content-Security-Policy") < page.index("<style>"), (
        "a policy holds for what comes after it"
    )
    assert "url(" not in page


def test_an_image_is_made_smaller_and_never_larger() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    for side, size in ((20, (20, 10)), (500, (80, 40))):
        image = Image.open(
            BytesIO(
                base64.b64decode(
                    image_data_url(pixels, side).removeprefix("data:image/jpeg;base64,")
                )
            )
        )
        assert image.size == size
        left, right = np.asarray(image, int)[:, 1].mean(), np.asarray(image, int)[:, -2].mean()
        assert left < 10
        assert right > 245
