"""Reads an ONNX file from its bytes, without the onnx package and before an interpreter sees it.

Field numbers are those of onnx.proto.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runtime.errors import InputRefused
from runtime.file_formats.output_activation import OutputActivation, find_output_activation
from runtime.file_formats.protobuf import message_fields, read_varint
from runtime.file_formats.tensors import Quantization

IR_VERSION, GRAPH, OPSET, TRAINING, FUNCTION = 1, 7, 8, 20, 25
OPSET_DOMAIN, OPSET_VERSION = 1, 2
NODE, INITIALIZER, OUTPUT = 1, 5, 12
VALUE_NAME = 1
NODE_INPUT, NODE_OUTPUT, OP_TYPE = 1, 2, 4
DATA_TYPE, FLOAT_DATA, INT32_DATA, TENSOR_NAME, RAW_DATA = 2, 4, 5, 8, 9
EXTERNAL_DATA, DATA_LOCATION = 13, 14
MAX_DEPTH = 50

SUBMESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {GRAPH: "graph", TRAINING: "training", FUNCTION: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""The messages that can contain a tensor, by the message and the field that contain them."""

SCALAR_DTYPES: Mapping[int, str] = {
    1: "<f4",
    2: "<u1",
    3: "<i1",
    4: "<u2",
    5: "<i2",
    6: "<i4",
    10: "<f2",
}
"""numpy's names of the dtypes of scales and zero points, by the enum TensorProto.DataType."""

ACTIVATIONS: Mapping[str, OutputActivation] = {
    "Softmax": "softmax",
    "QLinearSoftmax": "softmax",
    "Sigmoid": "sigmoid",
    "QLinearSigmoid": "sigmoid",
}
PASSING = frozenset(
    {
        *("Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout"),
        *("QuantizeLinear", "DequantizeLinear", "ZipMap"),
    }
)
"""Operators whose output holds the same scores as their input."""


@dataclass(frozen=True)
class OnnxFile:
    """The IR version, the operator sets, and the tensors whose data lie in other files.

    opsets: versions by domain; "" is the standard one.
    external: names of tensors.
    """

    ir_version: int
    opsets: Mapping[str, int]
    external: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """An operator and the names of its inputs and outputs.

    classes: the keys of a ZipMap's table, texts or integers, in the order of its input.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...] | tuple[int, ...] = ()


@dataclass(frozen=True)
class OnnxGraph:
    """The main graph of a model.

    outputs: the names of its outputs.
    scalars: the stored tensors that have one number, by name.
    """

    nodes: tuple[Node, ...] = ()
    outputs: tuple[str, ...] = ()
    scalars: Mapping[str, float] = field(default_factory=dict)

    def zipmap_classes(self, name: str) -> tuple[str, ...] | tuple[int, ...]:
        """Returns the keys of the table in an output that a ZipMap makes; of another output ()."""
        return next((node.classes for node in self.nodes if name in node.outputs), ())

    def output_activation(self, number: int = 0) -> OutputActivation:
        """Returns the activation that makes the output of this number."""
        output = "".join(self.outputs[number : number + 1])
        return find_output_activation(output, self.producers, ACTIVATIONS, PASSING)

    @property
    def producers(self) -> dict[str, tuple[str, str]]:
        """Each tensor's operator and that operator's first input, as `find_origin` takes them."""
        return {
            output: (node.operator, node.inputs[0])
            for node in self.nodes
            if node.inputs
            for output in node.outputs
        }

    def input_quantization(self, name: str) -> Quantization | None:
        """Returns the quantization of an input that goes into one DequantizeLinear only."""
        readers = [node for node in self.nodes if name in node.inputs]
        if len(readers) == 1 and readers[0].operator == "DequantizeLinear":
            return self._quantization(readers[0])
        return None

    def output_quantization(self, name: str) -> Quantization | None:
        """Returns the quantization of an output that comes from a QuantizeLinear."""
        writers = [node for node in self.nodes if name in node.outputs]
        if writers and writers[0].operator == "QuantizeLinear":
            return self._quantization(writers[0])
        return None

    def _quantization(self, node: Node) -> Quantization | None:
        scale = self.scalars.get(node.inputs[1]) if len(node.inputs) > 1 else None
        zero_point = self.scalars.get(node.inputs[2], 0.0) if len(node.inputs) > 2 else 0.0
        return Quantization(scale, int(zero_point)) if scale and scale > 0 else None


def read_onnx_file(name: str, content: bytes) -> OnnxFile:
    """Reads the content of an `.onnx` file; an error names `name`.

    Raises:
        InputRefused: the content is no protobuf, or it is nested deeper than 50 messages.
    """
    ir_version, opsets = 0, {}
    view = memoryview(content)
    try:
        for number, value in message_fields(view):
            if number == IR_VERSION and isinstance(value, int):
                ir_version = value
            elif number == OPSET and not isinstance(value, int):
                opset = dict(message_fields(value))
                version = opset.get(OPSET_VERSION, 0)
                domain = field_text(opset.get(OPSET_DOMAIN, 0), errors="strict")
                opsets[domain] = version if isinstance(version, int) else 0
        return OnnxFile(ir_version, opsets, tuple(_external_tensors(view, "model", 0)))
    except (ValueError, IndexError) as error:
        raise InputRefused(
            name, "ONNX Runtime cannot load it: not an ONNX model, or a damaged one"
        ) from error


def read_onnx_graph(content: bytes) -> OnnxGraph:
    """Returns the main graph of an `.onnx` file's content, or an empty one if it is damaged."""
    nodes, outputs, scalars = [], [], {}
    try:
        for number, value in message_fields(memoryview(content)):
            if number != GRAPH or isinstance(value, int):
                continue
            for part, message in message_fields(value):
                if isinstance(message, int):
                    continue
                if part == NODE:
                    nodes.append(_node(message))
                elif part == OUTPUT:
                    outputs.append(field_text(dict(message_fields(message)).get(VALUE_NAME, 0)))
                elif part == INITIALIZER:
                    scalars.update(_scalar(message))
    except (ValueError, IndexError, struct.error):
        return OnnxGraph()
    return OnnxGraph(tuple(nodes), tuple(outputs), scalars)


def _external_tensors(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if kind == "tensor":
        parts = {
            number: value
            for number, value in message_fields(message)
            if number in (TENSOR_NAME, EXTERNAL_DATA, DATA_LOCATION)
        }
        if EXTERNAL_DATA in parts or parts.get(DATA_LOCATION, 0) != 0:
            yield field_text(parts.get(TENSOR_NAME, 0))
        return
    for number, value in message_fields(message):
        submessage = SUBMESSAGES[kind].get(number)
        if submessage and not isinstance(value, int):
            yield from _external_tensors(value, submessage, depth + 1)


def _node(message: memoryview) -> Node:
    texts: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], OP_TYPE: []}
    for number, value in message_fields(message):
        if number in texts and not isinstance(value, int):
            texts[number].append(field_text(value))
    operator = "".join(texts[OP_TYPE])
    classes: tuple[str, ...] | tuple[int, ...] = ()
    if operator == "ZipMap":
        # Imported here, because few models need it.
        from runtime.file_formats.onnx_zipmap import zipmap_keys

        classes = zipmap_keys(message)
    return Node(operator, tuple(texts[NODE_INPUT]), tuple(texts[NODE_OUTPUT]), classes)


def field_text(value: int | memoryview, errors: str = "replace") -> str:
    """Returns a field as text; "" for a number, which no text is."""
    return "" if isinstance(value, int) else bytes(value).decode(errors=errors)


def _scalar(message: memoryview) -> dict[str, float]:
    """Returns {name: number} for a tensor that holds one number, else {}."""
    parts = dict(message_fields(message))
    name, data_type = parts.get(TENSOR_NAME, 0), parts.get(DATA_TYPE)
    dtype = SCALAR_DTYPES.get(data_type) if isinstance(data_type, int) else None
    if dtype is None or isinstance(name, int):
        return {}
    number = _number(parts, np.dtype(dtype))
    return {} if number is None else {field_text(name): number}


def _number(parts: Mapping[int, int | memoryview], dtype: np.dtype[Any]) -> float | None:
    """Returns the only number of a tensor; None if it has none or several."""
    raw, floats, integer = (parts.get(number) for number in (RAW_DATA, FLOAT_DATA, INT32_DATA))
    if isinstance(raw, memoryview):
        return float(np.frombuffer(raw, dtype)[0]) if len(raw) == dtype.itemsize else None
    if isinstance(floats, memoryview):
        return float(struct.unpack("<f", floats)[0]) if len(floats) == 4 else None
    if isinstance(integer, memoryview):
        packed = integer
        integer, end = read_varint(packed, 0)
        if end != len(packed):
            return None
    if integer is None:
        return None
    return float(integer - 2**64 if integer >= 2**63 else integer)
