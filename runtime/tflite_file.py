"""What a TFLite file says of itself, read from its bytes: the operator that makes its scores, its metadata.

Field numbers are those of TensorFlow Lite's schema.fbs (file identifier TFL3).
"""

import struct
from collections.abc import Mapping

from runtime.flatbuffer import byte, integers, octets, root, tables, text, unsigned
from runtime.tensors import Ending

OPERATOR_CODES, SUBGRAPHS, BUFFERS, METADATA = 1, 2, 4, 6
GRAPH_OUTPUTS, GRAPH_OPERATORS = 2, 3
OPCODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS = 0, 1, 2
OLD_CODE, CODE = 0, 3
METADATA_NAME, METADATA_BUFFER = 0, 1

ENDINGS: Mapping[int, Ending] = {25: "softmax", 14: "sigmoid"}
"""SOFTMAX and LOGISTIC of the enum BuiltinOperator."""
PASSING = frozenset({6, 22, 39, 43, 53, 70, 114})
"""DEQUANTIZE, RESHAPE, TRANSPOSE, SQUEEZE, CAST, EXPAND_DIMS and QUANTIZE: what they pass on is still the same scores."""
MAX_PASSED = 20


def operator_code(content: bytes, table: int) -> int:
    """The number in the enum BuiltinOperator of a table OperatorCode: the older of its two fields is one byte, the newer holds more."""
    return max(byte(content, table, OLD_CODE), unsigned(content, table, CODE))


def read_ending(content: bytes) -> Ending:
    """What the first output of the model is made by, seen through operators that only change its form."""
    try:
        model = root(content)
        (graph, *_) = tables(content, model, SUBGRAPHS)
        codes = [operator_code(content, table) for table in tables(content, model, OPERATOR_CODES)]
        producers = {
            output: operator
            for operator in tables(content, graph, GRAPH_OPERATORS)
            for output in integers(content, operator, OPERATOR_OUTPUTS)
        }
        tensor = integers(content, graph, GRAPH_OUTPUTS)[0]
        for _ in range(MAX_PASSED):
            operator = producers[tensor]
            code = codes[unsigned(content, operator, OPCODE)]
            if code not in PASSING:
                return ENDINGS.get(code, "other")
            tensor = integers(content, operator, OPERATOR_INPUTS)[0]
    except (ValueError, IndexError, KeyError, struct.error):
        pass
    return "other"


def read_metadata_buffer(content: bytes, name: str) -> bytes:
    """The buffer that the model lists under `name` in its metadata; empty where there is none."""
    try:
        model = root(content)
        buffers = tables(content, model, BUFFERS)
        for entry in tables(content, model, METADATA):
            if text(content, entry, METADATA_NAME) == name:
                return octets(content, buffers[unsigned(content, entry, METADATA_BUFFER)], 0)
    except (ValueError, IndexError, struct.error):
        pass
    return b""
