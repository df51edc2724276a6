"""Measures which node of an ONNX graph quantization damages most.

Each operator of the int8 graph is compared with the float one on the same quantized inputs, on real
images, as `export.formats.tflite.layer_errors` does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from export.formats.layer_error import LayerError
from export.formats.onnx.graph import INPUT, cpu_session

MAX_IMAGES = 20
MOVING = frozenset(
    {
        *("QuantizeLinear", "DequantizeLinear", "Reshape", "Transpose", "Flatten", "Squeeze"),
        *("Unsqueeze", "Concat", "Split", "Slice", "Gather", "Identity", "MaxPool", "Pad"),
    }
)
"""Operators that only move values, so that they lose nothing but by rounding."""
CHANNELS_LAST = ("Gemm", "MatMul", "LayerNormalization")


@dataclass
class _Measured:
    """Holds the sums of one operator over all images, by channel."""

    node: onnx.NodeProto
    exact: str
    quantized: str
    scale: float
    zero_point: int
    after: str
    after_scale: float
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    errors: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    values: int = 0

    def add(self, exact: NDArray[np.float32], quantized: NDArray[np.float32]) -> None:
        low, high = ((limit - self.zero_point) * self.scale for limit in (0, 255))
        channel = -1 if exact.ndim < 4 or self.node.op_type in CHANNELS_LAST else 1
        clipped = np.moveaxis(exact.clip(low, high), channel, -1).astype(np.float64)
        clipped = clipped.reshape(-1, clipped.shape[-1])
        found = np.moveaxis(quantized, channel, -1).reshape(clipped.shape)
        self.squares = self.squares + (clipped**2).sum(0)
        self.errors = self.errors + ((found - clipped) ** 2).sum(0)
        self.values += len(clipped)

    def result(self) -> LayerError:
        size, error = np.sqrt(self.squares), np.sqrt(self.errors)
        lost = np.minimum(error[size > 0] / size[size > 0], 1)
        steps = np.sqrt(self.errors.sum() / max(1, self.values * len(self.errors))) / self.scale
        return LayerError(
            self.node.name,
            self.node.op_type,
            float(steps),
            float(lost.mean()) if len(lost) else 0.0,
            self.scale,
            self.after,
            self.after_scale,
        )


def measure_layers(
    quantized: onnx.ModelProto, prepared: onnx.ModelProto, feeds: Iterable[dict[str, NDArray[Any]]]
) -> list[LayerError]:
    """Returns the error of each operator in int8, the most damaged first; others have none.

    A Relu that the quantizer merged into the range of its input counts as no error.

    Args:
        quantized: in QDQ form.
        prepared: the float graph it was made of, with the same names of nodes.
        feeds: inputs by name.
    """
    model = onnx.ModelProto()
    model.CopyFrom(quantized)
    rows = _add_float_copies(model, prepared)
    if not rows:
        return []
    names = [name for row in rows for name in (row.exact, row.quantized)]
    shown = {value.name for value in model.graph.output}
    model.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in dict.fromkeys(names)
        if name not in shown
    )
    session = cpu_session(model.SerializeToString())
    for feed in feeds:
        outputs = dict(zip(names, session.run(names, feed), strict=True))
        for row in rows:
            row.add(outputs[row.exact], outputs[row.quantized])
    return sorted((row.result() for row in rows), key=lambda error: -error.lost)


def _add_float_copies(model: onnx.ModelProto, prepared: onnx.ModelProto) -> list[_Measured]:
    """Adds to `model` a float copy of each quantized operator, on the same quantized inputs."""
    graph = model.graph
    stored = {weight.name: weight for weight in graph.initializer}
    writers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    floats = {node.name: node for node in prepared.graph.node}
    weights = {weight.name: weight for weight in prepared.graph.initializer}
    rows: list[_Measured] = []
    for node in list(graph.node):
        original = floats.get(node.name)
        if original is None or node.op_type in MOVING or len(node.output) != 1:
            continue
        if len(original.input) != len(node.input):  # the quantizer dropped one, as of a Clip
            continue
        quantizer = next(
            (r for r in readers.get(node.output[0], ()) if r.op_type == "QuantizeLinear"), None
        )
        if quantizer is None or quantizer.input[1] not in stored:
            continue
        dequantizer = next(iter(readers.get(quantizer.output[0], ())), None)
        if dequantizer is None or dequantizer.op_type != "DequantizeLinear":
            continue
        inputs = []
        for old, new in zip(original.input, node.input, strict=True):
            name = f"quince/float/{old}"
            if old in weights and name not in stored:
                stored[name] = weights[old]
                copy = graph.initializer.add()
                copy.CopyFrom(weights[old])
                copy.name = name
            inputs.append(name if old in weights else new)
        exact = f"quince/exact/{len(rows)}"
        twin = helper.make_node(node.op_type, inputs, [exact], exact)
        twin.attribute.extend(node.attribute)
        graph.node.append(twin)
        scale, zero_point = (_scalar(stored, name) for name in quantizer.input[1:3])
        source = writers.get(node.input[0])
        after, after_scale = INPUT, 0.0
        if source is not None and source.op_type == "DequantizeLinear":
            after_scale = _scalar(stored, source.input[1])
            after = _origin(source, writers)
        rows.append(
            _Measured(
                node, exact, dequantizer.output[0], scale, int(zero_point), after, after_scale
            )
        )
    return rows


def _origin(node: onnx.NodeProto, writers: dict[str, onnx.NodeProto]) -> str:
    """Returns the name of the operator behind a DequantizeLinear and its QuantizeLinear."""
    while node.op_type in ("DequantizeLinear", "QuantizeLinear"):
        before = writers.get(node.input[0])
        if before is None:
            return INPUT
        node = before
    return str(node.name)


def _scalar(stored: dict[str, Any], name: str) -> float:
    return float(onnx.numpy_helper.to_array(stored[name]).reshape(-1)[0])
