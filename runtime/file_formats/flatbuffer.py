"""Reads the tables, vectors and texts of a flatbuffer, by offsets that are checked.

A table's field has a number, which its vtable turns into an offset; see "FlatBuffer Internals".
A damaged file raises ValueError, IndexError or struct.error, and never loops for long.
"""

import struct
from collections.abc import Iterator


def root(content: bytes) -> int:
    """Returns the position of the outermost table."""
    return target(content, 0)


def field(content: bytes, table: int, number: int) -> int | None:
    """Returns the position of a field of the table; None if the field is absent."""
    vtable = table - int(struct.unpack_from("<i", content, table)[0])
    if vtable < 0:
        raise ValueError("a vtable before the start")
    if 4 + 2 * number >= int(struct.unpack_from("<H", content, vtable)[0]):
        return None
    offset = int(struct.unpack_from("<H", content, vtable + 4 + 2 * number)[0])
    return table + offset if offset else None


def unsigned(content: bytes, table: int, number: int, default: int = 0) -> int:
    """Returns a field of 32 unsigned bits."""
    position = field(content, table, number)
    return u32(content, position) if position else default


def byte(content: bytes, table: int, number: int) -> int:
    """Returns a field of 8 unsigned bits, by default 0."""
    position = field(content, table, number)
    return content[position] if position else 0


def table_at(content: bytes, table: int, number: int) -> int | None:
    """Returns the position of the table, vector or text that a field points to."""
    position = field(content, table, number)
    return target(content, position) if position else None


def tables(content: bytes, table: int, number: int) -> list[int]:
    """Returns the positions of the tables in the vector that a field points to."""
    return [target(content, position) for position in _elements(content, table, number, 4)]


def integers(content: bytes, table: int, number: int) -> list[int]:
    """Returns a vector field of 32-bit signed integers."""
    return [
        int(struct.unpack_from("<i", content, position)[0])
        for position in _elements(content, table, number, 4)
    ]


def longs(content: bytes, table: int, number: int) -> list[int]:
    """Returns a vector field of 64-bit signed integers."""
    return [
        int(struct.unpack_from("<q", content, position)[0])
        for position in _elements(content, table, number, 8)
    ]


def floats(content: bytes, table: int, number: int) -> tuple[float, ...]:
    """Returns a vector field of 32-bit floats."""
    return tuple(
        float(struct.unpack_from("<f", content, position)[0])
        for position in _elements(content, table, number, 4)
    )


def octets(content: bytes, table: int, number: int) -> bytes:
    """Returns the bytes of a vector or text field."""
    vector = table_at(content, table, number)
    if vector is None:
        return b""
    end = vector + 4 + u32(content, vector)
    if end > len(content):
        raise ValueError("a vector past the end")
    return content[vector + 4 : end]


def text(content: bytes, table: int, number: int) -> str:
    """Returns a text field, by default an empty text."""
    return octets(content, table, number).decode(errors="replace")


def target(content: bytes, position: int) -> int:
    """Returns the position to which the offset at `position` points."""
    return position + u32(content, position)


def u32(content: bytes, position: int) -> int:
    """Returns 32 unsigned bits."""
    return int(struct.unpack_from("<I", content, position)[0])


def _elements(content: bytes, table: int, number: int, size: int) -> Iterator[int]:
    vector = table_at(content, table, number)
    if vector is None:
        return
    length = u32(content, vector)
    if vector + 4 + size * length > len(content):
        raise ValueError("a vector past the end")
    yield from range(vector + 4, vector + 4 + size * length, size)
