"""Reads flatbuffers: tables whose fields are found by number through a vtable, vectors and texts, by offsets that are bounds-checked.

Format: flatbuffers' internals document. A damaged file raises ValueError or struct.error, and never loops for long.
"""

import struct
from collections.abc import Iterator


def root(content: bytes) -> int:
    """Where the outermost table lies."""
    return target(content, 0)


def field(content: bytes, table: int, number: int) -> int | None:
    """Where a field of the table lies, or None where it is absent."""
    vtable = table - int(struct.unpack_from("<i", content, table)[0])
    if vtable < 0:
        raise ValueError("a vtable before the start")
    if 4 + 2 * number >= int(struct.unpack_from("<H", content, vtable)[0]):
        return None
    offset = int(struct.unpack_from("<H", content, vtable + 4 + 2 * number)[0])
    return table + offset if offset else None


def unsigned(content: bytes, table: int, number: int, default: int = 0) -> int:
    """A field of 32 unsigned bits."""
    place = field(content, table, number)
    return u32(content, place) if place else default


def byte(content: bytes, table: int, number: int) -> int:
    """A field of 8 unsigned bits, by default 0."""
    place = field(content, table, number)
    return content[place] if place else 0


def table_at(content: bytes, table: int, number: int) -> int | None:
    """Where the table, vector or text lies that a field refers to."""
    place = field(content, table, number)
    return target(content, place) if place else None


def tables(content: bytes, table: int, number: int) -> list[int]:
    """Where the tables lie in the vector that a field refers to."""
    return [target(content, place) for place in _elements(content, table, number, 4)]


def integers(content: bytes, table: int, number: int) -> list[int]:
    """A field that is a vector of 32-bit signed integers."""
    return [int(struct.unpack_from("<i", content, place)[0]) for place in _elements(content, table, number, 4)]


def floats(content: bytes, table: int, number: int) -> tuple[float, ...]:
    """A field that is a vector of 32-bit floats."""
    return tuple(float(struct.unpack_from("<f", content, place)[0]) for place in _elements(content, table, number, 4))


def octets(content: bytes, table: int, number: int) -> bytes:
    """A field that is a vector of bytes, or a text."""
    vector = table_at(content, table, number)
    if vector is None:
        return b""
    end = vector + 4 + u32(content, vector)
    if end > len(content):
        raise ValueError("a vector past the end")
    return content[vector + 4 : end]


def text(content: bytes, table: int, number: int) -> str:
    """A field that is a text, by default empty."""
    return octets(content, table, number).decode(errors="replace")


def target(content: bytes, place: int) -> int:
    """Where the offset at `place` points."""
    return place + u32(content, place)


def u32(content: bytes, place: int) -> int:
    """32 unsigned bits."""
    return int(struct.unpack_from("<I", content, place)[0])


def _elements(content: bytes, table: int, number: int, size: int) -> Iterator[int]:
    vector = table_at(content, table, number)
    if vector is None:
        return
    length = u32(content, vector)
    if vector + 4 + size * length > len(content):
        raise ValueError("a vector past the end")
    yield from range(vector + 4, vector + 4 + size * length, size)
