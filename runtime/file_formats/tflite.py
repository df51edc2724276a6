"""Reads a TFLite file from its bytes: the activation of its output, and its metadata.

Field numbers are those of TensorFlow Lite's schema.fbs (file identifier TFL3).
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from runtime.file_formats.flatbuffer import byte, integers, octets, root, tables, text, unsigned
from runtime.file_formats.output_activation import OutputActivation, find_output_activation

OPERATOR_CODES, SUBGRAPHS, BUFFERS, METADATA = 1, 2, 4, 6
GRAPH_OUTPUTS, GRAPH_OPERATORS = 2, 3
OPCODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS = 0, 1, 2
OLD_CODE, CODE = 0, 3
METADATA_NAME, METADATA_BUFFER = 0, 1

ACTIVATIONS: Mapping[int, OutputActivation] = {25: "softmax", 14: "sigmoid"}
"""SOFTMAX and LOGISTIC of the enum BuiltinOperator."""
PASSING = frozenset({6, 22, 39, 43, 53, 70, 114})
"""DEQUANTIZE, RESHAPE, TRANSPOSE, SQUEEZE, CAST, EXPAND_DIMS and QUANTIZE.

Their output holds the same scores as their input.
"""


def operator_code(content: bytes, table: int) -> int:
    """Returns the number of a table OperatorCode in the enum BuiltinOperator.

    The older of its two fields has one byte; the newer one holds larger numbers.
    """
    return max(byte(content, table, OLD_CODE), unsigned(content, table, CODE))


class TfliteOperator(NamedTuple):
    """An operator: its number in the enum BuiltinOperator, and its inputs.

    table: its position in the file.
    """

    code: int
    inputs: tuple[int, ...]
    table: int


class TfliteGraph(NamedTuple):
    """The first subgraph of a model, whose tensors are numbers.

    table: its position in the file. operators: by the tensor that each makes.
    """

    table: int
    outputs: tuple[int, ...]
    operators: Mapping[int, TfliteOperator]

    @property
    def producers(self) -> dict[int, tuple[int, int]]:
        """Each tensor's operator and that operator's first input, as `find_origin` takes them."""
        return {
            tensor: (operator.code, operator.inputs[0])
            for tensor, operator in self.operators.items()
            if operator.inputs
        }


def read_tflite_graph(content: bytes) -> TfliteGraph:
    """Returns the operators of a TFLite file.

    Raises:
        ValueError, IndexError, struct.error: the file is damaged.
    """
    model = root(content)
    (graph, *_) = tables(content, model, SUBGRAPHS)
    codes = [operator_code(content, table) for table in tables(content, model, OPERATOR_CODES)]
    operators = {}
    for table in tables(content, graph, GRAPH_OPERATORS):
        code = codes[unsigned(content, table, OPCODE)]
        inputs = tuple(integers(content, table, OPERATOR_INPUTS))
        for output in integers(content, table, OPERATOR_OUTPUTS):
            operators[output] = TfliteOperator(code, inputs, table)
    return TfliteGraph(graph, tuple(integers(content, graph, GRAPH_OUTPUTS)), operators)


def read_output_activation(content: bytes, output_number: int = 0) -> OutputActivation:
    """Returns the activation that makes an output; "other" for a damaged file."""
    try:
        graph = read_tflite_graph(content)
        scores = graph.outputs[output_number]
    except (ValueError, IndexError, struct.error):
        return "other"
    return find_output_activation(scores, graph.producers, ACTIVATIONS, PASSING)


def read_metadata_buffer(content: bytes, name: str) -> bytes:
    """Returns the buffer that the model's metadata list under `name`; empty without one."""
    try:
        model = root(content)
        buffers = tables(content, model, BUFFERS)
        for entry in tables(content, model, METADATA):
            if text(content, entry, METADATA_NAME) == name:
                return octets(content, buffers[unsigned(content, entry, METADATA_BUFFER)], 0)
    except (ValueError, IndexError, struct.error):
        pass
    return b""
