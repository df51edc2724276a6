"""Reads the keys of ONNX' operator ZipMap, which turns a vector of scores into a table.

Tools that began with scikit-learn put it behind a classifier; its keys are the class names. Field
numbers are those of onnx.proto.
"""

from runtime.file_formats.protobuf import message_fields, read_varint

ATTRIBUTE = 5
ATTRIBUTE_NAME, INTS, STRINGS = 1, 8, 9
NAME = (ATTRIBUTE_NAME, memoryview)
TEXT_KEYS, INTEGER_KEYS = b"classlabels_strings", b"classlabels_int64s"


def zipmap_keys(node: memoryview) -> tuple[str, ...] | tuple[int, ...]:
    """Returns the keys in the order of the scores, texts or integers; () if it has none.

    Raises:
        ValueError, IndexError: the message is damaged.
    """
    texts: list[str] = []
    integers: list[int] = []
    for number, attribute in message_fields(node):
        if number != ATTRIBUTE or isinstance(attribute, int):
            continue
        fields = list(message_fields(attribute))
        names = [bytes(value) for part, value in fields if (part, type(value)) == NAME]
        for part, value in fields:
            if names == [TEXT_KEYS] and part == STRINGS and not isinstance(value, int):
                texts.append(bytes(value).decode(errors="replace"))
            elif names == [INTEGER_KEYS] and part == INTS:
                integers += [value] if isinstance(value, int) else _packed(value)
    return tuple(texts) or tuple(n - 2**64 if n >= 2**63 else n for n in integers)


def _packed(message: memoryview) -> list[int]:
    values, position = [], 0
    while position < len(message):
        value, position = read_varint(message, position)
        values.append(value)
    return values
