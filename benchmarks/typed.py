"""Checks that the fields of a record read from a file are of the types its dataclass says, and such as can be shown."""

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from runtime.errors import InputRefused

MOST = 1e15
"""No time, size or rate of a result comes near it in any of our units, and every whole number up to it is a float too."""


def expect_types(record: Any, what: str) -> None:
    """Refuses a record with a field of another type, a number that is not from -1e15 to 1e15, or a text that no file can hold.

    A float may be a whole number. `what` is the kind of result.
    """
    hints = get_type_hints(type(record))
    for part in fields(record):
        value = getattr(record, part.name)
        name = f"{type(record).__name__.lower()}.{part.name}"
        if not _fits(value, hints[part.name]):
            raise InputRefused(what, f"expected {name} to be {_name(hints[part.name])}, found {str(value)[:50]!r}")
        if not _usable(value):
            raise InputRefused(what, f"expected {name} to be Unicode text or numbers up to {MOST:g}, found {str(value)[:50]!r}")


def _fits(value: Any, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin is UnionType:
        return any(_fits(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, inner[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(one, inner[1]) for one in value.values())
    if kind is float:
        return type(value) in (int, float)
    if kind in (int, bool, str, NoneType):
        return type(value) is kind
    return isinstance(value, kind)


def _usable(value: Any) -> bool:
    """A name that is no UTF-8 on disk comes as surrogates that can be written back, which other lone surrogates cannot (PEP 383)."""
    if isinstance(value, str):
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return False
    if isinstance(value, Mapping):
        return all(_usable(part) for pair in value.items() for part in pair)
    if isinstance(value, tuple):
        return all(map(_usable, value))
    return abs(value) <= MOST if isinstance(value, int | float) else True


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("NoneType", "None")
