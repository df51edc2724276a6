"""Cuts a region out of an image, so that a model sees the same part of files and of frames."""

from typing import Any

from PIL import Image

from runtime.errors import InputRefused

Region = tuple[float, float, float, float]
"""(x, y, width, height) as fractions, 0..1, of the upright image; x and y from its upper left."""
WHOLE: Region = (0.0, 0.0, 1.0, 1.0)
MIN_REGION_SIDE = 0.01
ROUNDING = 1e-6
"""A region may pass the edge by so much, because 0.7 + 0.3 is not always 1."""


def read_region(text: str, thing: str = "--region") -> Region:
    """Returns the region of a text such as "0.25,0.1,0.5,0.4".

    Raises:
        InputRefused: not four numbers, or the region is not inside the image; names `thing`.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise _refusal(thing, text) from error
    return check_region(values, thing)


def check_region(values: Any, thing: str) -> Region:
    """Returns four values as a region.

    Raises:
        InputRefused: these are not four numbers, or the region is not inside the image.
    """
    if not isinstance(values, list | tuple) or len(values) != 4:
        raise _refusal(thing, values)
    if not all(type(value) in (int, float) and abs(value) < 1e9 for value in values):
        raise _refusal(thing, values)  # float() cannot take the largest whole numbers of JSON
    x, y, width, height = map(float, values)
    # Comparisons with NaN are false.
    starts_inside = x >= 0 and y >= 0 and min(width, height) >= MIN_REGION_SIDE
    if not (starts_inside and x + width <= 1 + ROUNDING and y + height <= 1 + ROUNDING):
        raise _refusal(thing, ",".join(f"{value:g}" for value in (x, y, width, height)))
    return x, y, width, height


def any_region(value: Any, thing: str = "--region") -> Region:
    """Returns the region of a text, as `read_region`, or of four values, as `check_region`."""
    return read_region(value, thing) if isinstance(value, str) else check_region(value, thing)


def region_text(region: Region) -> str:
    """Returns the text that `read_region` reads."""
    return ",".join(repr(value).removesuffix(".0") for value in region)


def crop_region(image: Image.Image, region: Region | None) -> Image.Image:
    """Returns the region of an upright image, with edges at whole pixels and at least one pixel.

    None stands for the whole image, which is returned unchanged. The size of the image does not
    matter, so a source may change it.
    """
    if region is None or region == WHOLE:
        return image
    x, y, width, height = region
    left, right = _edges(x, width, image.width)
    top, bottom = _edges(y, height, image.height)
    return image.crop((left, top, right, bottom))


def region_size(size: tuple[int, int], region: Region | None) -> tuple[int, int]:
    """Returns about how many pixels wide and high the region of an image of this size is."""
    _, _, width, height = region or WHOLE
    return max(1, round(size[0] * width)), max(1, round(size[1] * height))


def _edges(start: float, length: float, pixels: int) -> tuple[int, int]:
    first = min(round(start * pixels), pixels - 1)
    return first, max(first + 1, min(round((start + length) * pixels), pixels))


def _refusal(thing: str, found: object) -> InputRefused:
    return InputRefused(
        thing,
        "expected X,Y,W,H as fractions of the image (0.25,0.1,0.5,0.4), inside it and at least "
        f"{MIN_REGION_SIDE:g} wide and high, found {str(found)[:50]}",
    )
