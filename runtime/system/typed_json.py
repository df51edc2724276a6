"""Reads JSON into nested dataclasses: no field is unknown or missing, every type is checked."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from runtime.errors import InputRefused

MAX_NUMBER = 2**63
"""No number of ours comes near it, and sums and squares of such numbers are finite floats."""


def read_as(kind: Any, data: Any, name: str) -> Any:
    """Returns `data`, as json.loads returns it, as a value of the type `kind`.

    Args:
        kind: a dataclass, tuple[X, ...], Mapping[str, X], Literal, X | None, or a plain type.
        name: where the value stands, for errors.

    Raises:
        InputRefused: it is of another type, a number is above MAX_NUMBER, or a text is such that no
            file can hold it.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if is_dataclass(kind):
        return _read_dataclass(kind, data, name)
    if origin is UnionType:
        return None if data is None else read_as(arguments[0], data, name)
    if origin is tuple and isinstance(data, list):
        return tuple(
            read_as(arguments[0], part, f"{name}[{number}]") for number, part in enumerate(data)
        )
    if origin is Mapping and isinstance(data, dict):
        return {
            read_as(str, key, name): read_as(arguments[1], part, f"{name}.{key}")
            for key, part in data.items()
        }
    if origin is Literal and data in arguments:
        return data
    if kind is float and type(data) in (int, float) and abs(data) <= MAX_NUMBER:
        return float(data)
    if kind is int and type(data) is int and abs(data) <= MAX_NUMBER:
        return data
    if kind is bool and type(data) is bool:
        return data
    if kind is str and type(data) is str and _is_writable(data):
        return data
    expected = kind.__name__ if origin is None else str(kind)
    raise InputRefused(name, f"expected {name} to be {expected}, found {str(data)[:50]!r}")


def _is_writable(text: str) -> bool:
    """Whether UTF-8 can hold the text; a file's name that is not UTF-8 counts as text (PEP 383)."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _read_dataclass(kind: Any, data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        raise InputRefused(name, f"expected {name} to be an object, found {type(data).__name__}")
    hints, parts = get_type_hints(kind), {part.name: part for part in fields(kind)}
    if unknown := sorted(set(data) - parts.keys()):
        raise InputRefused(name, f"unknown field {unknown[0]!r} in {name}")
    for part in parts.values():
        required = part.default is MISSING and part.default_factory is MISSING
        if required and part.name not in data:
            raise InputRefused(name, f"field {part.name!r} is missing in {name}")
    return kind(**{key: read_as(hints[key], value, f"{name}.{key}") for key, value in data.items()})
