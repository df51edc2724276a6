"""Reads the operator list of a TFLite flatbuffer."""

from typing import NamedTuple

from runtime.file_formats.flatbuffer import root, tables, text, unsigned
from runtime.file_formats.tflite import OPERATOR_CODES, operator_code

CUSTOM_CODE, OPERATOR_VERSION = 1, 2
"""Fields of the table OperatorCode."""
CUSTOM = 32
"""The code of all operators that are not builtin ones; the field CUSTOM_CODE has their name."""


class OperatorUse(NamedTuple):
    """Holds an operator's code in the enum BuiltinOperator, its version, and its name if custom."""

    code: int
    version: int
    custom: str | None


def operators(content: bytes) -> list[OperatorUse]:
    """Returns the operators that a TFLite model lists, each once."""
    return [_operator(content, table) for table in tables(content, root(content), OPERATOR_CODES)]


def _operator(content: bytes, table: int) -> OperatorUse:
    code, version = operator_code(content, table), unsigned(content, table, OPERATOR_VERSION, 1)
    custom = text(content, table, CUSTOM_CODE) if code == CUSTOM else None
    return OperatorUse(code, version, custom)
