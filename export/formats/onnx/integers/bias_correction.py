"""Corrects the biases of a quantized ONNX graph, as `export.formats.tflite.bias_correction` does.

The rounding errors of a layer's weights, used as weights on the layer's own quantized inputs, give
the error of its output. The mean of that is taken off the bias.
"""

from collections.abc import Iterable
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


def correct_biases(
    quantized: onnx.ModelProto, prepared: onnx.ModelProto, feeds: Iterable[dict[str, NDArray[Any]]]
) -> None:
    """Changes the biases of `quantized`, in place, to compensate for the rounding of its weights.

    `prepared` is the float graph it was made of, and `feeds` are inputs by name to measure with.
    """
    exact = {weight.name: weight for weight in prepared.graph.initializer}
    weights = {weight.name: weight for weight in quantized.graph.initializer}
    producers = {name: node for node in quantized.graph.node for name in node.output}
    measuring = onnx.ModelProto()
    measuring.CopyFrom(quantized)
    bias_of: dict[str, Any] = {}
    for node in quantized.graph.node:
        if node.op_type not in OUTPUT_AXES or len(node.input) < 3:
            continue
        if not {*node.input[1:3]} <= producers.keys():
            continue
        weight, bias = (producers[name] for name in node.input[1:3])
        name = weight.input[0].removesuffix(QUANTIZED)
        if name not in exact or bias.input[0] not in weights:
            continue
        error = _dequantized(weight, weights) - numpy_helper.to_array(exact[name])
        output = f"quince/{len(bias_of)}"
        _add_mean_output(measuring, node, error, output)
        bias_of[output] = bias
    for output, mean_error in _means(measuring, list(bias_of), feeds).items():
        values, scales = (weights[name] for name in bias_of[output].input[:2])
        steps = mean_error / numpy_helper.to_array(scales).astype(np.float64)
        corrected = numpy_helper.to_array(values) - np.rint(steps).astype(np.int32)
        values.CopyFrom(numpy_helper.from_array(corrected, values.name))


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
) -> dict[str, NDArray[np.float64]]:
    """Returns the mean over all feeds of each of the outputs `names`, by name."""
    session = cpu_session(model.SerializeToString())
    runs = [session.run(names, feed) for feed in feeds] if names else []
    if not runs:
        return {}
    return {
        name: np.mean([outputs[index] for outputs in runs], axis=0, dtype=np.float64)
        for index, name in enumerate(names)
    }
