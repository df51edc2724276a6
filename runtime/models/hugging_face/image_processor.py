"""Reads how an image processor of Hugging Face prepares images: `preprocessor_config.json`.

The keys and their defaults are those of transformers (image_processing_*.py). Quince has one way to
resize, so a processor that resizes or crops in another way gets the nearest one, and `differences`
states what is not the same.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from runtime.errors import InputRefused
from runtime.images.preprocessing import Fit
from runtime.models.hugging_face.json_values import (
    Size,
    as_list,
    read_channels,
    read_flag,
    read_number,
    read_side,
    read_sides,
)
from runtime.models.normalization import Normalization

FILTERS = ("nearest", "Lanczos", "bilinear", "bicubic", "box", "Hamming")
"""Pillow's filters by the number under `resample`."""
BILINEAR = 2
SUFFIXES = ("Fast", "ImageProcessor", "FeatureExtractor")
TYPE_KEYS = ("image_processor_type", "feature_extractor_type")
KNOWN_STEPS = frozenset(
    {
        *("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"),
        *("do_flip_channel_order", "do_reduce_labels"),
    }
)
SHORT_SIDE_TYPES = (
    *("ConvNext", "CLIP", "ChineseCLIP", "Bit", "Levit", "MobileNet", "MobileViT"),
    *("PoolFormer", "Perceiver"),
)
"""Processors to which one number as `size` is the short side, not both sides."""
CONVNEXT_CROP, CONVNEXT_SQUASH_SIDE = 224 / 256, 384
"""ConvNext resizes to size / crop_pct and crops, but squashes from 384 pixels on."""
LEVIT_RATIO = 256 / 224


class Geometry(NamedTuple):
    """Holds how the processor makes an image of (height, width); None if it does not state it."""

    size: Size | None
    fit: Fit
    differences: tuple[str, ...]


def read_geometry(data: Mapping[str, Any]) -> Geometry:
    """Returns the size, the nearest fit, and what Quince does otherwise.

    Raises:
        InputRefused: a value has another type or is out of range.
    """
    crop = None
    if read_flag(data, "do_center_crop", "crop_size" in data) and data.get("crop_size") is not None:
        crop = read_sides("crop_size", data["crop_size"])
    size = data.get("size")
    differences = [
        f"it has {key}, which Quince does not do"
        for key, value in data.items()
        if key.startswith("do_") and key not in KNOWN_STEPS and value is True
    ]
    if not read_flag(data, "do_resize", True):
        target = crop or (_target(size) if size is not None else None)
        return Geometry(target, "crop", (*differences, "it does not resize images, Quince does"))
    fit: Fit = "crop"
    target, short_side, squashed = crop, None, None
    if size is not None:
        short_side, squashed = _resized(data, size, crop)
        target = _final_size(data, crop, short_side, squashed)
    if squashed:
        fit = "squash"
        if target != squashed:
            differences.append(
                f"it squashes to {_text(squashed)} and takes the centre {_text(target)},"
                " Quince takes it all"
            )
    elif short_side and not _crops(data, crop):
        differences.append("it keeps the image's shape, Quince takes the centre")
    elif short_side and target != (short_side, short_side):
        differences.append(
            f"it takes the centre {_text(target)} of a short side of {short_side} pixels,"
            " Quince takes the largest centre"
        )
    return Geometry(target, fit, (*differences, *_other_filter(data)))


def read_normalization(data: Mapping[str, Any]) -> Normalization:
    """Returns the rescaling and the normalization as one, of pixels 0..255.

    Raises:
        InputRefused: a value has another type, or is not finite.
    """
    factor, offset = 1.0, 0.0
    if read_flag(data, "do_rescale", True):
        factor = read_number("rescale_factor", data.get("rescale_factor", 1 / 255))
        if read_flag(data, "rescale_offset", False):
            offset = -1.0
    scales, shifts = [factor] * 3, [offset] * 3
    if read_flag(data, "do_normalize", "image_mean" in data):
        for key in ("image_mean", "image_std"):
            if key not in data:
                raise InputRefused(key, f"expected {key} beside do_normalize")
        means, stds = read_channels("image_mean", data), read_channels("image_std", data)
        steps = [(means, stds)]
        if _type(data) == "EfficientNet" and read_flag(data, "include_top", True):
            steps.append(([0.0] * 3, stds))
        if 0 in stds:
            raise InputRefused("image_std", "expected image_std without 0")
        for means, stds in steps:
            scales = [scale / std for scale, std in zip(scales, stds, strict=True)]
            shifts = [
                (shift - mean) / std for shift, mean, std in zip(shifts, means, stds, strict=True)
            ]
    if 0 in scales:
        raise InputRefused("rescale_factor", "expected rescale_factor not to be 0")
    pairs = list(zip(scales, shifts, strict=True))
    if len(set(pairs)) == 1:
        pairs = pairs[:1]
    return Normalization(
        tuple(-shift / scale for scale, shift in pairs), tuple(1 / scale for scale, _ in pairs)
    )


def is_bgr(data: Mapping[str, Any]) -> bool:
    """Whether the model takes blue, green, red.

    Raises:
        InputRefused: it is normalized by colour as well, so the order of both is not certain.
    """
    flips = read_flag(data, "do_flip_channel_order", _type(data) == "MobileViT")
    if flips and len({str(value) for value in as_list(data.get("image_mean"))}) > 1:
        raise InputRefused(
            "do_flip_channel_order", "flips the channels and normalizes each; use --normalize"
        )
    return flips


def _resized(
    data: Mapping[str, Any], size: Any, crop: Size | None
) -> tuple[int | None, Size | None]:
    """Returns the short side of the resized image, or both sides if its shape is ignored."""
    if isinstance(size, dict) and "shortest_edge" in size:
        side = read_side("size.shortest_edge", size["shortest_edge"])
    elif type(size) is int and (_type(data).startswith(SHORT_SIDE_TYPES) or crop):
        side = read_side("size", size)
    else:
        return None, read_sides("size", size)
    if _type(data) == "ConvNext" and side >= CONVNEXT_SQUASH_SIDE:
        return None, (side, side)
    ratio = LEVIT_RATIO if _type(data) == "Levit" else 1 / _crop_fraction(data)
    return int(side * ratio), None


def _final_size(
    data: Mapping[str, Any], crop: Size | None, short_side: int | None, squashed: Size | None
) -> Size | None:
    if crop or squashed:
        return crop or squashed
    side = short_side or 0
    if _type(data) == "ConvNext":
        side = _target(data["size"])[0]
    return side, side


def _crops(data: Mapping[str, Any], crop: Size | None) -> bool:
    return crop is not None or _type(data) == "ConvNext"


def _crop_fraction(data: Mapping[str, Any]) -> float:
    value = data.get("crop_pct")
    if value is None:
        return CONVNEXT_CROP if _type(data) == "ConvNext" else 1.0
    fraction = read_number("crop_pct", value)
    if not 0.1 <= fraction <= 1:
        raise InputRefused("crop_pct", f"expected crop_pct in 0.1..1, found {fraction:.3g}")
    return fraction


def _other_filter(data: Mapping[str, Any]) -> list[str]:
    number = data.get("resample", BILINEAR)
    if type(number) is not int or not 0 <= number < len(FILTERS):
        raise InputRefused("resample", f"expected resample to be 0 to 5, found {str(number)[:30]}")
    return [] if number == BILINEAR else [f"it resizes with {FILTERS[number]}, Quince bilinear"]


def _target(size: Any) -> Size:
    side = size.get("shortest_edge") if isinstance(size, dict) else None
    return read_sides("size", size if side is None else side)


def _type(data: Mapping[str, Any]) -> str:
    """Returns the processor's kind, such as "ViT" for ViTImageProcessorFast."""
    name = next((data[key] for key in TYPE_KEYS if isinstance(data.get(key), str)), "")
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return str(name)


def _text(size: Size | None) -> str:
    return f"{size[0]}x{size[1]}" if size else ""
