"""Reads single values of a JSON object, and refuses other types and ranges."""

import math
from collections.abc import Mapping
from typing import Any

from runtime.errors import InputRefused
from runtime.models.model_spec import MAX_SIDE

Size = tuple[int, int]


def read_sides(key: str, value: Any) -> Size:
    """Reads 224, [224, 224] or {"height": 224, "width": 224} as (height, width)."""
    if isinstance(value, dict) and {"height", "width"} <= value.keys():
        value = [value["height"], value["width"]]
    if isinstance(value, list) and len(value) == 2:
        return read_side(key, value[0]), read_side(key, value[1])
    side = read_side(key, value)
    return side, side


def read_side(key: str, value: Any) -> int:
    """Reads a whole number of pixels, 1 to MAX_SIDE."""
    if type(value) is not int or not 1 <= value <= MAX_SIDE:
        raise InputRefused(
            key, f"expected {key} in pixels, 1 to {MAX_SIDE}, found {str(value)[:50]}"
        )
    return value


def read_channels(key: str, data: Mapping[str, Any]) -> list[float]:
    """Returns three numbers, for one or three that are stated."""
    values = as_list(data[key])
    if len(values) not in (1, 3):
        raise InputRefused(key, f"expected {key} to be one number or three, found {len(values)}")
    return [read_number(key, value) for value in values] * (3 // len(values))


def as_list(value: Any) -> list[Any]:
    """Returns a list as it is, and another value as a list of one."""
    return value if isinstance(value, list) else [value]


def read_number(key: str, value: Any) -> float:
    """Reads a finite number of at most a million."""
    if type(value) not in (int, float) or abs(value) > 1e6 or not math.isfinite(value):
        raise InputRefused(key, f"expected {key} to be a finite number, found {str(value)[:30]}")
    return float(value)


def read_flag(data: Mapping[str, Any], key: str, default: bool) -> bool:
    """Reads true or false; a missing key or null is the default."""
    value = data.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InputRefused(key, f"expected {key} to be true or false, found {str(value)[:30]}")
    return value
