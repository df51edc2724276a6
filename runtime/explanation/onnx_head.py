"""Finds the average and the linear layer at the end of an ONNX file.

A message of protobuf is extended by bytes after it: a parser merges them (see "Last One Wins" in
the protobuf encoding guide), so any tensor can become an output without the package onnx.
"""

from typing import Any, NamedTuple

import numpy as np

from runtime.arrays import NDArray
from runtime.errors import InputRefused
from runtime.explanation.linear_head import FoundHead
from runtime.file_formats.onnx import (
    ACTIVATIONS,
    GRAPH,
    OUTPUT,
    PASSING,
    VALUE_NAME,
    Node,
    OnnxGraph,
    read_onnx_graph,
)
from runtime.file_formats.output_activation import find_origin
from runtime.file_formats.protobuf import MESSAGE, varint

LINEAR, INTEGER_LINEAR = ("Gemm", "MatMul"), "MatMulInteger"
AVERAGES = ("GlobalAveragePool", "ReduceMean")
Nodes = dict[str, Node]


class Dense(NamedTuple):
    """A linear layer: the tensors of its input and its kernel.

    kernel: values, and perhaps scale and zero point. is_gemm: the values may be transposed.
    """

    input: str
    kernel: tuple[str, ...]
    is_gemm: bool = False


def find_head(content: bytes, output_number: int) -> FoundHead | None:
    """Returns the head that makes an output; None if the file ends otherwise, or is damaged."""
    graph = read_onnx_graph(content)
    nodes = {output: node for node in graph.nodes for output in node.outputs}
    try:
        dense = _find_dense(graph, nodes, graph.outputs[output_number])
        average = nodes[find_origin(dense.input, graph.producers, PASSING)]
    except (KeyError, IndexError):
        return None
    features = average.inputs[0]
    wanted = [*dense.kernel, features]
    if average.operator not in AVERAGES or set(wanted) & set(graph.outputs):
        return None
    return FoundHead(
        content=content + b"".join(_output(name) for name in wanted),
        kernel=lambda read: _kernel([read(name) for name in dense.kernel], is_gemm=dense.is_gemm),
        activation=graph.output_activation(output_number),
    )


def _find_dense(graph: OnnxGraph, nodes: Nodes, scores: str) -> Dense:
    """Returns the linear layer that makes the scores.

    Raises:
        KeyError, IndexError: something else makes them.
    """
    node = nodes[find_origin(scores, graph.producers, PASSING | ACTIVATIONS.keys())]
    if node.operator == "Add":  # of the bias
        node = nodes[next((name for name in node.inputs if name in nodes), "")]
    if node.operator in LINEAR:
        return Dense(node.inputs[0], (node.inputs[1],), is_gemm=node.operator == "Gemm")
    scale = nodes[node.inputs[1]].inputs[1]  # it follows the scale of the activations
    product = nodes[find_origin(node.inputs[0], graph.producers, {"Cast"})]
    if node.operator != "Mul" or product.operator != INTEGER_LINEAR:
        raise KeyError(node.operator)
    quantized = nodes[product.inputs[0]]
    return Dense(quantized.inputs[0], (product.inputs[1], scale, *product.inputs[3:4]))


def _kernel(parts: list[NDArray[Any]], *, is_gemm: bool) -> NDArray[np.float32]:
    """Returns the kernel, (features, classes), or the other way around if it is a Gemm's.

    Raises:
        InputRefused: it is square, and Gemm may transpose it.
    """
    values, *quantization = (part.astype(np.float32) for part in parts)
    if is_gemm and values.shape[0] == values.shape[-1]:
        raise InputRefused("onnx", "a square kernel may be transposed")
    if not quantization:
        return values
    scale, *zero_point = quantization
    return (values - (zero_point[0] if zero_point else 0)) * scale


def _output(name: str) -> bytes:
    """Returns the bytes that make a tensor an output of the model before them."""
    return _field(GRAPH, _field(OUTPUT, _field(VALUE_NAME, name.encode())))


def _field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | MESSAGE) + varint(len(content)) + content
