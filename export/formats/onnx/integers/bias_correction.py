"""Corrects the biases of a quantized ONNX graph, as `export.formats.tflite.bias_correction` does.

The rounding errors of a layer's weights, used as weights on the layer's own quantized inputs, give
the error of its output. The mean of that is taken off the bias.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export.formats.onnx.graph import add_reduction, cpu_session

OUTPUT_AXES = {"Conv": (0, 2, 3), "Gemm": (0,)}
"""The operators with a bias as third input, and the axes of their output that are not channels."""
QUANTIZED = "_quantized"
"""The suffix that ONNX Runtime's quantizer adds to the name of a weight."""


Errors = dict[str, NDArray[np.float64]]
"""The mean error of each channel of a layer's output, (channels,), by the name of its node."""


def mean_errors(
    quantized: onnx.ModelProto, prepared: onnx.ModelProto, feeds: Iterable[dict[str, NDArray[Any]]]
) -> Errors:
    """Returns what the rounding of its weights does to each layer of `quantized`.

    `prepared` is the float graph it was made of, and `feeds` are inputs by name to measure with.
    """
    exact = {weight.name: weight for weight in prepared.graph.initializer}
    weights = {weight.name: weight for weight in quantized.graph.initializer}
    measuring = onnx.ModelProto()
    measuring.CopyFrom(quantized)
    names: list[str] = []
    for node, weight, _ in _with_bias(quantized, weights):
        name = weight.input[0].removesuffix(QUANTIZED)
        if name in exact:
            error = _dequantized(weight, weights) - numpy_helper.to_array(exact[name])
            _add_mean_output(measuring, node, error, f"quince/{len(names)}")
            names.append(node.name)
    outputs = [f"quince/{number}" for number in range(len(names))]
    return dict(zip(names, _means(measuring, outputs, feeds), strict=True))


def correct_biases(quantized: onnx.ModelProto, errors: Errors) -> None:
    """Changes the biases of `quantized`, in place, to compensate for the `errors` of rounding.

    Layers that stay in float keep their biases.
    """
    weights = {weight.name: weight for weight in quantized.graph.initializer}
    for node, _, bias in _with_bias(quantized, weights):
        if node.name in errors:
            values, scales = (weights[name] for name in bias.input[:2])
            steps = errors[node.name] / numpy_helper.to_array(scales).astype(np.float64)
            corrected = numpy_helper.to_array(values) - np.rint(steps).astype(np.int32)
            values.CopyFrom(numpy_helper.from_array(corrected, values.name))


def _with_bias(
    quantized: onnx.ModelProto, weights: dict[str, Any]
) -> Iterator[tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto]]:
    """Yields each layer with integers as weights and bias, and what dequantizes these two."""
    producers = {name: node for node in quantized.graph.node for name in node.output}
    for node in quantized.graph.node:
        if node.op_type not in OUTPUT_AXES or len(node.input) < 3:
            continue
        weight, bias = (producers.get(name) for name in node.input[1:3])
        if weight is not None and bias is not None and bias.input[0] in weights:
            yield node, weight, bias


def _add_mean_output(
    model: onnx.ModelProto, node: onnx.NodeProto, error: NDArray[np.float64], output: str
) -> None:
    """Adds to `model` the channel means of a copy of `node` that has `error` as weights."""
    weights, values = f"{output}/weights", f"{output}/outputs"
    layer = helper.make_node(node.op_type, [node.input[0], weights], [values])
    layer.attribute.extend(node.attribute)
    model.graph.node.append(layer)
    add_reduction(model, "ReduceMean", values, output, list(OUTPUT_AXES[node.op_type]), keep=False)
    model.graph.initializer.append(numpy_helper.from_array(error.astype(np.float32), weights))
    model.graph.output.append(helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None))


def _dequantized(node: onnx.NodeProto, weights: dict[str, Any]) -> NDArray[np.float64]:
    """Returns the real values of a weight that a DequantizeLinear `node` produces."""
    values, scales = (
        numpy_helper.to_array(weights[name]).astype(np.float64) for name in node.input[:2]
    )
    channel_axis = next(
        (attribute.i for attribute in node.attribute if attribute.name == "axis"), 1
    )
    shape = [-1 if axis == channel_axis and scales.ndim else 1 for axis in range(values.ndim)]
    if len(node.input) > 2:
        values = values - numpy_helper.to_array(weights[node.input[2]]).reshape(shape)
    real: NDArray[np.float64] = values * scales.reshape(shape)
    return real


def _means(
    model: onnx.ModelProto, names: list[str], feeds: Iterable[dict[str, NDArray[Any]]]
) -> list[NDArray[np.float64]]:
    """Returns the mean over all feeds of each of the outputs `names`."""
    session = cpu_session(model.SerializeToString())
    runs = [session.run(names, feed) for feed in feeds] if names else []
    return [np.mean(values, axis=0, dtype=np.float64) for values in zip(*runs, strict=True)]
