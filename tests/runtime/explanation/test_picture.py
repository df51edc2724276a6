"""The picture shows image and map, and any label as one line of text."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from runtime.explanation.explainer import Explanation
from runtime.explanation.picture import GAP, SIDE, draw, overlay, png
from runtime.system.terminal import escape_unprintable

HEAT = np.zeros((40, 20), np.float32)
HEAT[:20] = np.linspace(0, 1, 20)
PIXELS = np.full((40, 20, 3), (30, 120, 60), np.uint8)
LABELS = (
    "banana",
    "",
    "line\nbreak\x1b[31m",
    "<img src=x onerror=alert(1)>",
    "n" * 3000,
    "\udce9\u202eevil",
    "лимон 柠檬",
)


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label[:6].encode("unicode_escape"))
@pytest.mark.parametrize("channels", [3, 1])
def test_any_label_fits_under_the_two_images(label: str, channels: int) -> None:
    pixels = PIXELS[..., :channels]
    explanation = Explanation(HEAT, "class activation map")
    picture = Image.open(io.BytesIO(png(draw(pixels, explanation, label, 0.987654))))
    empty = draw(pixels, explanation, "", 0.987654)
    assert (picture.size, picture.format) == (empty.size, "PNG")
    edge = np.asarray(picture)[SIDE:, -8:]
    assert (edge == edge[0, 0]).all(), "the text reaches over the edge"
    escaped = draw(pixels, explanation, escape_unprintable(label), 0.987654)
    assert (np.asarray(picture) == np.asarray(escaped)).all(), "a control character is drawn"


def test_image_is_at_the_left_and_its_map_at_the_right() -> None:
    drawn = draw(PIXELS, Explanation(HEAT, "occlusion"), "banana", 0.5)
    picture = np.asarray(drawn).astype(int)
    left, right = picture[:SIDE, :SIDE], picture[:SIDE, SIDE + GAP :]
    middle = SIDE // 2
    assert np.abs(left[100, middle] - PIXELS[0, 0]).max() <= 1
    hot = right[10 : middle - 10, middle + 60 : middle + 80]
    cold = right[middle + 20 :, middle - 60 : middle + 60]
    assert hot.mean() > 2 * cold.mean()


def test_overlay_is_darker_where_nothing_speaks_for_the_class() -> None:
    lightness = overlay(PIXELS, HEAT).sum(axis=-1).astype(int)
    assert (np.diff(lightness[0, 4:]) > 0).all(), "lighter with more heat"
    assert lightness[30].max() < 0.5 * PIXELS[0, 0].sum()


def test_picture_says_how_the_map_was_made_and_that_it_is_empty() -> None:
    """Both notes are text of the picture, so the pixels below the images differ."""
    notes = [
        np.asarray(draw(PIXELS, Explanation(heat, method), "banana", 0.5))[SIDE:]
        for heat, method in (
            (HEAT, "occlusion"),
            (HEAT, "class activation map"),
            (0 * HEAT, "occlusion"),
        )
    ]
    assert not any((first == second).all() for first, second in pairwise(notes))
