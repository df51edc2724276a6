"""The ends of an ONNX graph, read from the file's bytes without the onnx package: the operator that makes the scores, and the scale and
zero point of an integer input or output.

Field numbers are those of onnx.proto.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runtime.onnx_file import GRAPH, TENSOR_NAME, message_fields, read_varint
from runtime.quantization import Quantization
from runtime.tensors import Ending

NODE, INITIALIZER, OUTPUT = 1, 5, 12
VALUE_NAME = 1
NODE_INPUT, NODE_OUTPUT, OP_TYPE = 1, 2, 4
DATA_TYPE, FLOAT_DATA, INT32_DATA, RAW_DATA = 2, 4, 5, 9
SCALARS: Mapping[int, str] = {1: "<f4", 2: "<u1", 3: "<i1", 4: "<u2", 5: "<i2", 6: "<i4", 10: "<f2"}
"""numpy's names of the dtypes a scale or zero point can have, by the enum TensorProto.DataType."""

ENDINGS: Mapping[str, Ending] = {"Softmax": "softmax", "QLinearSoftmax": "softmax", "Sigmoid": "sigmoid", "QLinearSigmoid": "sigmoid"}
PASSING = frozenset(
    {
        *("Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout"),
        *("QuantizeLinear", "DequantizeLinear"),
    }
)
"""Operators whose output is still the scores they were given."""
MAX_PASSED = 20


@dataclass(frozen=True)
class Node:
    """An operator with the names of what it takes and gives."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """The nodes of the main graph, the names of its outputs, and the tensors of one number that are stored in it, by name."""

    nodes: tuple[Node, ...] = ()
    outputs: tuple[str, ...] = ()
    scalars: Mapping[str, float] = field(default_factory=dict)

    def ending(self) -> Ending:
        """What makes the first output, seen through operators that only change its form."""
        output = self.outputs[0] if self.outputs else ""
        producers = {name: node for node in self.nodes for name in node.outputs}
        for _ in range(MAX_PASSED):
            node = producers.get(output)
            if node is None or not node.inputs:
                break
            if node.operator not in PASSING:
                return ENDINGS.get(node.operator, "other")
            output = node.inputs[0]
        return "other"

    def input_quantization(self, name: str) -> Quantization | None:
        """Of the input `name`: that of the DequantizeLinear it goes into; None where it goes into anything else."""
        takers = [node for node in self.nodes if name in node.inputs]
        return self._quantization(takers[0]) if len(takers) == 1 and takers[0].operator == "DequantizeLinear" else None

    def output_quantization(self, name: str) -> Quantization | None:
        """Of the output `name`: that of the QuantizeLinear it comes from; None where it comes from anything else."""
        makers = [node for node in self.nodes if name in node.outputs]
        return self._quantization(makers[0]) if makers and makers[0].operator == "QuantizeLinear" else None

    def _quantization(self, node: Node) -> Quantization | None:
        scale = self.scalars.get(node.inputs[1]) if len(node.inputs) > 1 else None
        zero_point = self.scalars.get(node.inputs[2], 0.0) if len(node.inputs) > 2 else 0.0
        return Quantization(scale, int(zero_point)) if scale and scale > 0 else None


def read_graph(content: bytes) -> Graph:
    """The main graph of an `.onnx` file's content; an empty one where it cannot be read."""
    nodes, outputs, scalars = [], [], {}
    try:
        for number, value in message_fields(memoryview(content)):
            if number == GRAPH and not isinstance(value, int):
                for part, inner in message_fields(value):
                    if part == NODE and not isinstance(inner, int):
                        nodes.append(_node(inner))
                    elif part == OUTPUT and not isinstance(inner, int):
                        outputs.append(_text(dict(message_fields(inner)).get(VALUE_NAME, 0)))
                    elif part == INITIALIZER and not isinstance(inner, int):
                        scalars.update(_scalar(inner))
    except (ValueError, IndexError, struct.error):
        return Graph()
    return Graph(tuple(nodes), tuple(outputs), scalars)


def _node(message: memoryview) -> Node:
    texts: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], OP_TYPE: []}
    for number, value in message_fields(message):
        if number in texts and not isinstance(value, int):
            texts[number].append(_text(value))
    return Node("".join(texts[OP_TYPE]), tuple(texts[NODE_INPUT]), tuple(texts[NODE_OUTPUT]))


def _text(value: int | memoryview) -> str:
    return "" if isinstance(value, int) else bytes(value).decode(errors="replace")


def _scalar(message: memoryview) -> dict[str, float]:
    """{name: number} of a tensor of one number, else {}."""
    parts = dict(message_fields(message))
    name, dtype = parts.get(TENSOR_NAME, 0), parts.get(DATA_TYPE)
    kind = SCALARS.get(dtype) if isinstance(dtype, int) else None
    if kind is None or isinstance(name, int):
        return {}
    number = _number(parts, np.dtype(kind))
    return {} if number is None else {_text(name): number}


def _number(parts: Mapping[int, int | memoryview], kind: np.dtype[Any]) -> float | None:
    raw, floats, integers = (parts.get(number) for number in (RAW_DATA, FLOAT_DATA, INT32_DATA))
    if isinstance(raw, memoryview):
        return float(np.frombuffer(raw, kind)[0]) if len(raw) == kind.itemsize else None
    if isinstance(floats, memoryview):
        return float(struct.unpack("<f", floats)[0]) if len(floats) == 4 else None
    if isinstance(integers, memoryview):
        integers, end = read_varint(integers, 0)
        if end != len(parts[INT32_DATA]):  # type: ignore[arg-type]
            return None
    return None if integers is None else float(integers - 2**64 if integers >= 2**63 else integers)
