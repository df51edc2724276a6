"""Reads the operator list of a TFLite flatbuffer, and adds a named metadata buffer without touching a byte of what the converter wrote.

A new Model table, with its vectors of buffers and metadata one entry longer, is put in front; it refers to all else in the old
content, which follows whole. The object API of TensorFlow's schema would repack the file and lose the 16-byte alignment of the weights.
Field numbers are those of TensorFlow Lite's schema.fbs (file identifier TFL3).
"""

import struct
from typing import NamedTuple

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
MODEL_FIELDS = 8
VERSION, OPERATOR_CODES, BUFFERS, METADATA = 0, 1, 4, 6
"""Fields of the table Model; `add_buffer` carries the others over as they are."""
OLD_CODE, CUSTOM_CODE, OPERATOR_VERSION, CODE = range(4)
"""Fields of the table OperatorCode. The old code is one byte: the newer field holds codes above 127."""
CUSTOM = 32
"""The code that stands for an operator outside of the builtin ones; its name is in the field CUSTOM_CODE."""


class Operator(NamedTuple):
    """An operator of the model: its code in the enum BuiltinOperator, its version, and its name where it is a custom one."""

    code: int
    version: int
    custom: str | None


def operators(content: bytes) -> list[Operator]:
    """The operators that the TFLite model `content` lists, each once."""
    return [_operator(content, table) for table in _tables(content, _field(content, _u32(content, 0), OPERATOR_CODES))]


def _operator(content: bytes, table: int) -> Operator:
    old, name, version, code = (_field(content, table, field) for field in (OLD_CODE, CUSTOM_CODE, OPERATOR_VERSION, CODE))
    number = max(content[old] if old else 0, _u32(content, code) if code else 0)
    if number != CUSTOM:
        return Operator(number, _u32(content, version) if version else 1, None)
    text = _target(content, name) if name else None
    custom = content[text + 4 : text + 4 + _u32(content, text)].decode(errors="replace") if text else ""
    return Operator(number, _u32(content, version) if version else 1, custom)


def add_buffer(content: bytes, name: str, data: bytes) -> bytes:
    """The TFLite model `content` with `data` in a buffer of its own, listed under `name` in the model's metadata."""
    root = _u32(content, 0)
    old = {field: _field(content, root, field) for field in range(MODEL_FIELDS)}
    buffers, metadata = (_tables(content, position) for position in (old[BUFFERS], old[METADATA]))
    table = 8 + 4 + 2 * MODEL_FIELDS
    vectors = table + 4 + 4 * MODEL_FIELDS
    metadata_vector = vectors
    entry = metadata_vector + 4 + 4 * (len(metadata) + 1)
    text = entry + 8 + 12
    buffers_vector = text + 4 + _padded(len(name) + 1, 4)
    buffer = buffers_vector + 4 + 4 * (len(buffers) + 1)
    payload = _padded(buffer + 8 + 8 + 4, ALIGNMENT)
    shift = _padded(payload + len(data), ALIGNMENT)

    front = bytearray(shift)
    struct.pack_into("<I4s", front, 0, table, IDENTIFIER)
    struct.pack_into("<HH", front, 8, 4 + 2 * MODEL_FIELDS, 4 + 4 * MODEL_FIELDS)
    struct.pack_into("<i", front, table, table - 8)
    targets = {BUFFERS: buffers_vector, METADATA: metadata_vector}
    for field, position in old.items():
        place = table + 4 + 4 * field
        if position is None and field not in targets:
            continue
        struct.pack_into("<H", front, 8 + 4 + 2 * field, place - table)
        if field == VERSION:
            value = _u32(content, position or 0)
        elif field in targets:
            value = targets[field] - place
        else:
            value = shift + _target(content, position or 0) - place
        struct.pack_into("<I", front, place, value)
    _put_vector(front, metadata_vector, [*(shift + one for one in metadata), entry + 8])
    struct.pack_into("<HHHHiII", front, entry, 8, 12, 4, 8, 8, text - (entry + 12), len(buffers))
    struct.pack_into(f"<I{len(name)}s", front, text, len(name), name.encode())
    _put_vector(front, buffers_vector, [*(shift + one for one in buffers), buffer + 8])
    struct.pack_into("<HHHHiI", front, buffer, 6, 8, 4, 0, 8, payload - 4 - (buffer + 12))
    struct.pack_into("<I", front, payload - 4, len(data))
    front[payload : payload + len(data)] = data
    return bytes(front) + content


def _put_vector(front: bytearray, place: int, targets: list[int]) -> None:
    struct.pack_into("<I", front, place, len(targets))
    for index, target in enumerate(targets, start=1):
        struct.pack_into("<I", front, place + 4 * index, target - (place + 4 * index))


def _tables(content: bytes, field: int | None) -> list[int]:
    """Positions of the tables in the vector that the field at `field` refers to."""
    if field is None:
        return []
    vector = _target(content, field)
    return [_target(content, vector + 4 * index) for index in range(1, _u32(content, vector) + 1)]


def _field(content: bytes, table: int, field: int) -> int | None:
    """Where a field of the table lies, or None where it is absent."""
    vtable = table - int(struct.unpack_from("<i", content, table)[0])
    if 4 + 2 * field >= int(struct.unpack_from("<H", content, vtable)[0]):
        return None
    offset = int(struct.unpack_from("<H", content, vtable + 4 + 2 * field)[0])
    return table + offset if offset else None


def _target(content: bytes, place: int) -> int:
    return place + _u32(content, place)


def _u32(content: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", content, place)[0])


def _padded(length: int, alignment: int) -> int:
    return -(-length // alignment) * alignment
