"""Checks that the fields of a record read from a file have their types and can be shown."""

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from runtime.errors import InputRefused

MAX_NUMBER = 1e15
"""No time, size or rate of a result comes near it; every whole number up to it is a float too."""


def expect_types(record: Any, kind: str) -> None:
    """Checks every field of a dataclass against its type.

    A float may be a whole number. Numbers must be from -1e15 to 1e15, and texts must be such that a
    file can hold them.

    Args:
        record: the dataclass.
        kind: the kind of result, which errors name.

    Raises:
        InputRefused: a field has another type or value.
    """
    hints = get_type_hints(type(record))
    for field in fields(record):
        value = getattr(record, field.name)
        expected = ""
        if not _fits(value, hints[field.name]):
            expected = _type_name(hints[field.name])
        elif not _usable(value):
            expected = f"Unicode text or numbers up to {MAX_NUMBER:g}"
        if expected:
            name = f"{type(record).__name__.lower()}.{field.name}"
            reason = f"expected {name} to be {expected}, found {str(value)[:50]!r}"
            raise InputRefused(kind, reason)


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is UnionType:
        return any(_fits(value, part) for part in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, arguments[0]) for item in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _fits(item, arguments[1]) for item in value.values()
        )
    if hint is float:
        return type(value) in (int, float)
    if hint in (int, bool, str, NoneType):
        return type(value) is hint
    return isinstance(value, hint)


def _usable(value: Any) -> bool:
    """Checks that a value can be written and shown.

    A file name that is not UTF-8 is read with surrogates that can be written back; other lone
    surrogates cannot (PEP 383).
    """
    if isinstance(value, str):
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return False
    if isinstance(value, Mapping):
        return all(_usable(part) for pair in value.items() for part in pair)
    if isinstance(value, tuple):
        return all(map(_usable, value))
    if isinstance(value, int | float):
        return abs(value) <= MAX_NUMBER
    return True


def _type_name(hint: Any) -> str:
    if isinstance(hint, type) and not get_args(hint):
        return hint.__name__
    return str(hint).replace("NoneType", "None")
