"""Finds the average and the linear layer at the end of a TFLite file.

Field numbers are those of TensorFlow Lite's schema.fbs.
"""

import struct
from collections.abc import Mapping

import numpy as np

from runtime.arrays import NDArray
from runtime.explanation.linear_head import FoundHead
from runtime.file_formats.flatbuffer import (
    byte,
    field,
    floats,
    integers,
    longs,
    octets,
    root,
    table_at,
    tables,
    unsigned,
)
from runtime.file_formats.output_activation import find_origin
from runtime.file_formats.tflite import (
    ACTIVATIONS,
    BUFFERS,
    GRAPH_OUTPUTS,
    PASSING,
    TfliteGraph,
    TfliteOperator,
    read_output_activation,
    read_tflite_graph,
)

FUSED_ACTIVATION: Mapping[int, int] = {9: 0, 3: 3}
"""FULLY_CONNECTED and CONV_2D, and the field of each one's options that states an activation."""
MEAN, AVERAGE_POOL = 40, 1
POOL_WIDTH, POOL_HEIGHT = 3, 4
GRAPH_TENSORS, OPERATOR_OPTIONS = 0, 4
SHAPE, TYPE, BUFFER, QUANTIZATION = 0, 1, 2, 4
SCALES, ZERO_POINTS, QUANTIZED_AXIS = 2, 3, 6
DTYPES: Mapping[int, str] = {0: "<f4", 1: "<f2", 3: "<u1", 9: "<i1"}
"""numpy's names of the dtypes of a kernel, by the enum TensorType."""


def find_head(content: bytes, output_number: int) -> FoundHead | None:
    """Returns the head that makes an output; None if the file ends otherwise, or is damaged."""
    try:
        return _find_head(content, output_number)
    except (ValueError, IndexError, KeyError, struct.error):
        return None


def _find_head(content: bytes, output_number: int) -> FoundHead | None:
    graph = read_tflite_graph(content)
    producers = graph.producers
    logits = find_origin(graph.outputs[output_number], producers, PASSING | ACTIVATIONS.keys())
    dense = graph.operators[logits]
    options = table_at(content, dense.table, OPERATOR_OPTIONS)
    is_linear = not (options and byte(content, options, FUSED_ACTIVATION[dense.code]))
    average = graph.operators[find_origin(dense.inputs[0], producers, PASSING)]
    if not (is_linear and _averages_all(content, graph, average)):
        return None
    kernel = _constant(content, graph, find_origin(dense.inputs[1], producers, PASSING))
    kernel = kernel.reshape(len(kernel), -1).T  # CONV_2D has two axes of 1 pixel between
    return FoundHead(
        content=_with_output(content, graph, average.inputs[0]),
        kernel=lambda read: kernel,
        activation=read_output_activation(content, output_number),
    )


def _averages_all(content: bytes, graph: TfliteGraph, operator: TfliteOperator) -> bool:
    """Returns whether an operator averages over all places of an image."""
    options = table_at(content, operator.table, OPERATOR_OPTIONS)
    if operator.code != AVERAGE_POOL or options is None:
        return operator.code == MEAN
    tensor = tables(content, graph.table, GRAPH_TENSORS)[operator.inputs[0]]
    sides = [unsigned(content, options, side) for side in (POOL_HEIGHT, POOL_WIDTH)]
    return integers(content, tensor, SHAPE)[1:3] == sides


def _with_output(content: bytes, graph: TfliteGraph, tensor: int) -> bytes:
    """Returns the file with a tensor as one more output, the last.

    The longer list of outputs stands at the end, and the subgraph points there.
    """
    outputs = [*graph.outputs, tensor]
    position = field(content, graph.table, GRAPH_OUTPUTS)
    assert position is not None
    end = len(content) + -len(content) % 4
    return b"".join(
        (
            content[:position],
            struct.pack("<I", end - position),
            content[position + 4 :].ljust(end - position - 4, b"\0"),
            struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs),
        )
    )


def _constant(content: bytes, graph: TfliteGraph, number: int) -> NDArray[np.float32]:
    """Returns a stored tensor in real units."""
    tensor = tables(content, graph.table, GRAPH_TENSORS)[number]
    buffer = tables(content, root(content), BUFFERS)[unsigned(content, tensor, BUFFER)]
    dtype = DTYPES[byte(content, tensor, TYPE)]
    shape = integers(content, tensor, SHAPE)
    values = np.frombuffer(octets(content, buffer, 0), dtype).reshape(shape).astype(np.float32)
    quantization = table_at(content, tensor, QUANTIZATION)
    scales = floats(content, quantization, SCALES) if quantization else ()
    if not quantization or not scales:
        return values
    along = [1] * values.ndim
    along[unsigned(content, quantization, QUANTIZED_AXIS)] = -1
    zero_points = longs(content, quantization, ZERO_POINTS)
    parts = (np.array(part, np.float32) for part in (zero_points, scales))
    zero_point, scale = (part.reshape(along if part.size > 1 else ()) for part in parts)
    return (values - zero_point) * scale
