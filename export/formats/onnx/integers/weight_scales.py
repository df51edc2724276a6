"""Computes weight scales with which an 8-bit product is correct on every processor.

x86 processors without VNNI multiply uint8 activations by int8 weights with VPMADDUBSW. It adds the
products of two neighbouring weights in 16 bits and saturates (Intel SDM): two weights of 127 with
two activations of 255 give half of the correct result. ONNX Runtime avoids this with
`reduce_range`, 7 bits for every weight. But only the sum of two neighbours must stay below 128, and
the largest weight of a channel seldom has a large neighbour of the same sign. So a scale for each
channel keeps nearly all 8 bits.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

MAX_WEIGHT = 127
"""Of an int8 weight, and of the sum of two neighbours before rounding. After rounding that sum is
at most 128, and 128 * 255 < 2**15."""


def weight_overrides(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Returns ONNX Runtime's TensorQuantOverrides, with a scale for each output channel.

    They are for the weights of each Conv, Gemm and MatMul in `model`, by name.
    """
    weights = {weight.name: weight for weight in model.graph.initializer}
    overrides: dict[str, list[dict[str, Any]]] = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in weights:
            values = numpy_helper.to_array(weights[node.input[1]])
            axis = 0 if node.op_type == "Conv" or _is_transposed(node) else values.ndim - 1
            channels = [
                {"scale": np.array(_scale(row), np.float32), "zero_point": np.array(0, np.int8)}
                for row in _rows(values, axis)
            ]
            overrides[node.input[1]] = [{"axis": axis, **channels[0]}, *channels[1:]]
    return overrides


def _rows(values: NDArray[np.float32], axis: int) -> Iterator[NDArray[np.float32]]:
    """Yields each output channel's weights in the order in which ONNX Runtime multiplies them.

    The input channels of a convolution are innermost.
    """
    rows = np.moveaxis(values, axis, 0)
    if rows.ndim == 4:
        rows = rows.transpose(0, 2, 3, 1)
    yield from rows.reshape(len(rows), -1)


def _scale(row: NDArray[np.float32]) -> float:
    """Returns the largest sum of two neighbours of the same sign, divided by MAX_WEIGHT."""
    pairs = np.pad(row, (0, len(row) % 2)).reshape(-1, 2)
    sums = [np.maximum(sign * pairs, 0).sum(axis=1).max() for sign in (1, -1)]
    smallest = float(np.finfo(np.float32).tiny) * MAX_WEIGHT
    return max(float(max(sums)), smallest) / MAX_WEIGHT


def _is_transposed(node: Any) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
