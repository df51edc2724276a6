"""Reads the operator list of a TFLite flatbuffer, and adds a named metadata buffer to it.

The bytes that the converter wrote stay as they are. A new Model table comes before them, with its
vectors of buffers and metadata one entry longer; it refers to the old content for all the rest. The
object API of TensorFlow's schema would repack the file and lose the 16-byte alignment of the
weights. Field numbers are those of TensorFlow Lite's schema.fbs (file identifier TFL3).
"""

import struct
from typing import NamedTuple

from runtime.file_formats.flatbuffer import field, root, tables, target, text, u32, unsigned
from runtime.file_formats.tflite import BUFFERS, METADATA, OPERATOR_CODES, operator_code

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
MODEL_FIELDS = 8
VERSION = 0
"""The only field of the table Model that is itself a number; the others refer to other tables."""
CUSTOM_CODE, OPERATOR_VERSION = 1, 2
"""Fields of the table OperatorCode."""
CUSTOM = 32
"""The code of all operators that are not builtin ones; the field CUSTOM_CODE has their name."""


class Operator(NamedTuple):
    """Holds an operator's code in the enum BuiltinOperator, its version, and its name if custom."""

    code: int
    version: int
    custom: str | None


def operators(content: bytes) -> list[Operator]:
    """Returns the operators that a TFLite model lists, each once."""
    return [_operator(content, table) for table in tables(content, root(content), OPERATOR_CODES)]


def _operator(content: bytes, table: int) -> Operator:
    code, version = operator_code(content, table), unsigned(content, table, OPERATOR_VERSION, 1)
    custom = text(content, table, CUSTOM_CODE) if code == CUSTOM else None
    return Operator(code, version, custom)


def add_buffer(content: bytes, name: str, data: bytes) -> bytes:
    """Returns the TFLite model with `data` in a new metadata buffer called `name`."""
    model = root(content)
    fields = {number: field(content, model, number) for number in range(MODEL_FIELDS)}
    buffers, metadata = (tables(content, model, number) for number in (BUFFERS, METADATA))

    # The parts of the new front, one after another, as byte offsets from its start.
    model_vtable = 8
    model_table = model_vtable + 4 + 2 * MODEL_FIELDS
    metadata_vector = model_table + 4 + 4 * MODEL_FIELDS
    entry_vtable = metadata_vector + 4 + 4 * (len(metadata) + 1)
    entry_table = entry_vtable + 8
    name_text = entry_table + 12
    buffers_vector = name_text + 4 + _padded(len(name) + 1, 4)
    buffer_vtable = buffers_vector + 4 + 4 * (len(buffers) + 1)
    buffer_table = buffer_vtable + 8
    payload = _padded(buffer_table + 8 + 4, ALIGNMENT)
    shift = _padded(payload + len(data), ALIGNMENT)  # where the old content begins

    front = bytearray(shift)
    struct.pack_into("<I4s", front, 0, model_table, IDENTIFIER)
    vtable_sizes = 4 + 2 * MODEL_FIELDS, 4 + 4 * MODEL_FIELDS
    struct.pack_into("<HH", front, model_vtable, *vtable_sizes)
    struct.pack_into("<i", front, model_table, model_table - model_vtable)
    new_vectors = {BUFFERS: buffers_vector, METADATA: metadata_vector}
    for number, old_place in fields.items():
        place = model_table + 4 + 4 * number
        if number in new_vectors:
            value = new_vectors[number] - place
        elif old_place is None:
            continue
        elif number == VERSION:
            value = u32(content, old_place)
        else:
            value = shift + target(content, old_place) - place
        struct.pack_into("<H", front, model_vtable + 4 + 2 * number, place - model_table)
        struct.pack_into("<I", front, place, value)
    _put_vector(front, metadata_vector, [*(shift + table for table in metadata), entry_table])
    struct.pack_into("<HHHH", front, entry_vtable, 8, 12, 4, 8)
    name_offset = name_text - (entry_table + 4)
    struct.pack_into("<iII", front, entry_table, 8, name_offset, len(buffers))
    struct.pack_into(f"<I{len(name)}s", front, name_text, len(name), name.encode())
    _put_vector(front, buffers_vector, [*(shift + table for table in buffers), buffer_table])
    struct.pack_into("<HHH", front, buffer_vtable, 6, 8, 4)
    struct.pack_into("<iI", front, buffer_table, 8, payload - 4 - (buffer_table + 4))
    struct.pack_into("<I", front, payload - 4, len(data))
    front[payload : payload + len(data)] = data
    return bytes(front) + content


def _put_vector(front: bytearray, place: int, table_places: list[int]) -> None:
    struct.pack_into("<I", front, place, len(table_places))
    for index, table in enumerate(table_places, start=1):
        struct.pack_into("<I", front, place + 4 * index, table - (place + 4 * index))


def _padded(length: int, alignment: int) -> int:
    return -(-length // alignment) * alignment
