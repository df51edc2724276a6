"""What an ONNX file says of itself, read from its bytes without the onnx package, before an interpreter sees it.

Field numbers are those of onnx.proto; a protobuf message is a row of fields, each a number (wire type 0), eight bytes (1), a text or
message (2) or four bytes (5).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runtime.errors import InputRefused

NUMBER, EIGHT_BYTES, MESSAGE, FOUR_BYTES = 0, 1, 2, 5
IR_VERSION, GRAPH, OPSET, TRAINING, FUNCTION = 1, 7, 8, 20, 25
OPSET_DOMAIN, OPSET_VERSION = 1, 2
TENSOR_NAME, EXTERNAL_DATA, DATA_LOCATION = 8, 13, 14
MAX_DEPTH = 50

INNER: Mapping[str, Mapping[int, str]] = {
    "model": {GRAPH: "graph", TRAINING: "training", FUNCTION: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""The messages in which a tensor can lie, by the message and field they are in."""


@dataclass(frozen=True)
class OnnxFile:
    """IR version, operator sets by domain ("" is the standard one), and the names of tensors whose data lie in other files."""

    ir_version: int
    opsets: Mapping[str, int]
    external: tuple[str, ...]


def read_onnx_file(name: str, content: bytes) -> OnnxFile:
    """Reads the content of an `.onnx` file; `name` is what an error names.

    Raises:
        InputRefused: not protobuf all through, or nested deeper than 50 messages.
    """
    ir_version, opsets = 0, {}
    view = memoryview(content)
    try:
        for field, value in message_fields(view):
            if field == IR_VERSION and isinstance(value, int):
                ir_version = value
            elif field == OPSET and not isinstance(value, int):
                entry = dict(message_fields(value))
                domain, version = entry.get(OPSET_DOMAIN, b""), entry.get(OPSET_VERSION, 0)
                opsets[bytes(domain).decode() if not isinstance(domain, int) else ""] = version if isinstance(version, int) else 0
        return OnnxFile(ir_version, opsets, tuple(_external(view, "model", 0)))
    except (ValueError, IndexError) as error:
        raise InputRefused(name, "ONNX Runtime cannot load it: not an ONNX model, or a damaged one") from error


def _external(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if kind == "tensor":
        parts = {field: value for field, value in message_fields(message) if field in (TENSOR_NAME, EXTERNAL_DATA, DATA_LOCATION)}
        if EXTERNAL_DATA in parts or parts.get(DATA_LOCATION, 0) != 0:
            name = parts.get(TENSOR_NAME, b"")
            yield bytes(name).decode(errors="replace") if not isinstance(name, int) else ""
        return
    for field, value in message_fields(message):
        inner = INNER[kind].get(field)
        if inner and not isinstance(value, int):
            yield from _external(value, inner, depth + 1)


def message_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of each field of a protobuf message in order; the values of fixed-width fields are given as their bytes."""
    place, end = 0, len(message)
    while place < end:
        key, place = read_varint(message, place)
        kind = key & 7
        if kind == NUMBER:
            value, place = read_varint(message, place)
            yield key >> 3, value
            continue
        if kind == MESSAGE:
            length, place = read_varint(message, place)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + length > end:
            raise ValueError("cut")
        yield key >> 3, message[place : place + length]
        place += length


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """A protobuf number that begins at `place`, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number of more than 10 bytes")
