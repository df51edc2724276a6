"""Weight scales with which an 8-bit product is right on every processor.

x86 processors without VNNI multiply uint8 activations by int8 weights with VPMADDUBSW, which adds the products of two neighbouring
weights in 16 bits and saturates (Intel SDM): two weights of 127 with two activations of 255 come out half as large. ONNX Runtime's
way out is `reduce_range`, 7 bits for every weight. But only the sum of two neighbours must stay below 128, and the largest weight of
a channel seldom has a large neighbour of its sign: so a scale of its own for each channel keeps nearly all 8 bits.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

LARGEST = 127
"""Of an int8 weight, and of the sum of two neighbours before they are rounded: rounded it is at most 128, and 128 * 255 < 2**15."""


def weight_overrides(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """ONNX Runtime's TensorQuantOverrides for each weight of a Conv, Gemm or MatMul in `model`: a scale for each output channel."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    found: dict[str, list[dict[str, Any]]] = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in weights:
            values = numpy_helper.to_array(weights[node.input[1]])
            axis = 0 if node.op_type == "Conv" or _transposed(node) else values.ndim - 1
            channels = [{"scale": np.array(_scale(row), np.float32), "zero_point": np.array(0, np.int8)} for row in _rows(values, axis)]
            found[node.input[1]] = [{"axis": axis, **channels[0]}, *channels[1:]]
    return found


def _rows(values: NDArray[np.float32], axis: int) -> Iterator[NDArray[np.float32]]:
    """Each output channel's weights in the order in which ONNX Runtime multiplies: for a convolution, input channels innermost."""
    rows = np.moveaxis(values, axis, 0)
    if rows.ndim == 4:
        rows = rows.transpose(0, 2, 3, 1)
    yield from rows.reshape(len(rows), -1)


def _scale(row: NDArray[np.float32]) -> float:
    pairs = np.pad(row, (0, len(row) % 2)).reshape(-1, 2)
    sums = [np.maximum(sign * pairs, 0).sum(axis=1).max() for sign in (1, -1)]
    return max(float(max(sums)), float(np.finfo(np.float32).tiny) * LARGEST) / LARGEST


def _transposed(node: Any) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
