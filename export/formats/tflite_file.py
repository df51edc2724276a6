"""Reads the operator list of a TFLite flatbuffer, and adds a named metadata buffer without touching a byte of what the converter wrote.

A new Model table, with its vectors of buffers and metadata one entry longer, is put in front; it refers to all else in the old
content, which follows whole. The object API of TensorFlow's schema would repack the file and lose the 16-byte alignment of the weights.
Field numbers are those of TensorFlow Lite's schema.fbs (file identifier TFL3).
"""

import struct
from typing import NamedTuple

from runtime.flatbuffer import field, root, tables, target, text, u32, unsigned
from runtime.tflite_file import BUFFERS, METADATA, OPERATOR_CODES, operator_code

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
MODEL_FIELDS = 8
VERSION = 0
"""A field of the table Model that is a number itself; `add_buffer` carries the other fields over as they are."""
CUSTOM_CODE, OPERATOR_VERSION = 1, 2
"""Fields of the table OperatorCode."""
CUSTOM = 32
"""The code that stands for an operator outside of the builtin ones; its name is in the field CUSTOM_CODE."""


class Operator(NamedTuple):
    """An operator of the model: its code in the enum BuiltinOperator, its version, and its name where it is a custom one."""

    code: int
    version: int
    custom: str | None


def operators(content: bytes) -> list[Operator]:
    """The operators that the TFLite model `content` lists, each once."""
    return [_operator(content, table) for table in tables(content, root(content), OPERATOR_CODES)]


def _operator(content: bytes, table: int) -> Operator:
    number, version = operator_code(content, table), unsigned(content, table, OPERATOR_VERSION, 1)
    return Operator(number, version, text(content, table, CUSTOM_CODE) if number == CUSTOM else None)


def add_buffer(content: bytes, name: str, data: bytes) -> bytes:
    """The TFLite model `content` with `data` in a buffer of its own, listed under `name` in the model's metadata."""
    model = root(content)
    old = {number: field(content, model, number) for number in range(MODEL_FIELDS)}
    buffers, metadata = (tables(content, model, number) for number in (BUFFERS, METADATA))
    table = 8 + 4 + 2 * MODEL_FIELDS
    vectors = table + 4 + 4 * MODEL_FIELDS
    metadata_vector = vectors
    entry = metadata_vector + 4 + 4 * (len(metadata) + 1)
    name_text = entry + 8 + 12
    buffers_vector = name_text + 4 + _padded(len(name) + 1, 4)
    buffer = buffers_vector + 4 + 4 * (len(buffers) + 1)
    payload = _padded(buffer + 8 + 8 + 4, ALIGNMENT)
    shift = _padded(payload + len(data), ALIGNMENT)

    front = bytearray(shift)
    struct.pack_into("<I4s", front, 0, table, IDENTIFIER)
    struct.pack_into("<HH", front, 8, 4 + 2 * MODEL_FIELDS, 4 + 4 * MODEL_FIELDS)
    struct.pack_into("<i", front, table, table - 8)
    targets = {BUFFERS: buffers_vector, METADATA: metadata_vector}
    for number, position in old.items():
        place = table + 4 + 4 * number
        if position is None and number not in targets:
            continue
        struct.pack_into("<H", front, 8 + 4 + 2 * number, place - table)
        if number == VERSION:
            value = u32(content, position or 0)
        elif number in targets:
            value = targets[number] - place
        else:
            value = shift + target(content, position or 0) - place
        struct.pack_into("<I", front, place, value)
    _put_vector(front, metadata_vector, [*(shift + one for one in metadata), entry + 8])
    struct.pack_into("<HHHHiII", front, entry, 8, 12, 4, 8, 8, name_text - (entry + 12), len(buffers))
    struct.pack_into(f"<I{len(name)}s", front, name_text, len(name), name.encode())
    _put_vector(front, buffers_vector, [*(shift + one for one in buffers), buffer + 8])
    struct.pack_into("<HHHHiI", front, buffer, 6, 8, 4, 0, 8, payload - 4 - (buffer + 12))
    struct.pack_into("<I", front, payload - 4, len(data))
    front[payload : payload + len(data)] = data
    return bytes(front) + content


def _put_vector(front: bytearray, place: int, targets: list[int]) -> None:
    struct.pack_into("<I", front, place, len(targets))
    for index, one in enumerate(targets, start=1):
        struct.pack_into("<I", front, place + 4 * index, one - (place + 4 * index))


def _padded(length: int, alignment: int) -> int:
    return -(-length // alignment) * alignment
