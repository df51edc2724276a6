"""Turns the table `pretrained_cfg` of timm into what an image processor would state."""

import math
from collections.abc import Mapping
from typing import Any

from runtime.errors import InputRefused
from runtime.models.hugging_face.image_processor import FILTERS
from runtime.models.hugging_face.json_values import read_number, read_sides


def from_timm(table: Mapping[str, Any]) -> dict[str, Any]:
    """Returns timm's `pretrained_cfg` with the keys of an image processor.

    Raises:
        InputRefused: a value has another type.
    """
    data: dict[str, Any] = {"image_mean": table.get("mean"), "image_std": table.get("std")}
    shape = table.get("input_size")
    if not (isinstance(shape, list) and len(shape) == 3):
        raise InputRefused("input_size", "expected input_size to be [channels, height, width]")
    height, width = read_sides("input_size", shape[1:])
    crop = read_number("crop_pct", table.get("crop_pct") or 1.0)
    names = [name.lower() for name in FILTERS]
    if (name := table.get("interpolation", "bilinear")) not in names:
        raise InputRefused("interpolation", f"expected {', '.join(names)}, found {str(name)[:30]}")
    data["resample"] = names.index(name)
    mode = table.get("crop_mode", "center")
    if not 0 < crop <= 1 or mode not in ("center", "squash", "border"):
        raise InputRefused("crop_pct", f"expected crop_pct in 0..1, found {crop:.3g} and {mode!r}")
    resized = [math.floor(height / crop), math.floor(width / crop)]
    data["size"] = {"shortest_edge": min(resized)}
    if mode == "squash":
        data["size"] = {"height": resized[0], "width": resized[1]}
    return data | {"crop_size": [height, width], "do_pad": mode == "border"}
