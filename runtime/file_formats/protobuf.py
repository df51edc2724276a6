"""Reads protobuf messages from bytes, without a schema.

A message is a row of fields. Each has a number and a wire type: a varint (0), eight bytes (1), a
text or message (2) or four bytes (5).
"""

from collections.abc import Iterator

VARINT, EIGHT_BYTES, MESSAGE, FOUR_BYTES = 0, 1, 2, 5
FIXED_BYTES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
MAX_VARINT_BYTES = 10


def message_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields (field number, value) for each field of a message, in order.

    The value of a fixed-width field is its bytes.

    Raises:
        ValueError: the message is damaged.
        IndexError: the message is cut.
    """
    for number, value, _ in field_spans(message):
        yield number, value


def field_spans(message: memoryview) -> Iterator[tuple[int, int | memoryview, memoryview]]:
    """Yields what `message_fields` does, and the bytes of the whole field; raises the same."""
    position, end = 0, len(message)
    while position < end:
        start = position
        key, position = read_varint(message, position)
        if key < 8:  # a file full of zeros, as a power cut leaves, ends here
            raise ValueError("field number 0")
        wire_type = key & 7
        if wire_type == VARINT:
            value, position = read_varint(message, position)
            yield key >> 3, value, message[start:position]
            continue
        if wire_type == MESSAGE:
            length, position = read_varint(message, position)
        elif wire_type in FIXED_BYTES:
            length = FIXED_BYTES[wire_type]
        else:
            raise ValueError(f"wire type {wire_type}")
        if position + length > end:
            raise ValueError("cut")
        content, position = message[position : position + length], position + length
        yield key >> 3, content, message[start:position]


def varint(value: int) -> bytes:
    """Returns a number, at least 0, as a varint."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Returns the varint that begins at `position`, and where it ends.

    Raises:
        ValueError: it has more than 10 bytes.
        IndexError: the message is cut.
    """
    value = 0
    for index in range(MAX_VARINT_BYTES):
        byte = message[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("a varint of more than 10 bytes")
