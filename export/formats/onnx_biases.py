"""Bias correction of a quantized ONNX graph, as `export.formats.tflite_biases` does it of a TFLite one.

The mean error that rounded weights leave in a channel is what their rounding errors, as weights, make of the layer's own quantized inputs.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from runtime.backends.onnx import LOG_NOTHING_BUT_FATAL

LAYERS = {"Conv": (0, 2, 3), "Gemm": (0,)}
"""The operators with a bias as third input, and the axes of their output that are not its channels."""
QUANTIZED = "_quantized"
"""What ONNX Runtime's quantizer adds to the name of a weight."""


def correct_biases(quantized: onnx.ModelProto, prepared: onnx.ModelProto, feeds: Iterable[dict[str, NDArray[Any]]]) -> None:
    """Changes the biases of `quantized`, in place, by what makes up for the rounding of its weights on `feeds`, inputs by name.

    `prepared` is the float graph it was made of.
    """
    exact = {weight.name: weight for weight in prepared.graph.initializer}
    weights = {weight.name: weight for weight in quantized.graph.initializer}
    givers = {name: node for node in quantized.graph.node for name in node.output}
    measured = onnx.ModelProto()
    measured.CopyFrom(quantized)
    biases: dict[str, Any] = {}
    for node in quantized.graph.node:
        if node.op_type not in LAYERS or len(node.input) < 3 or not {*node.input[1:3]} <= givers.keys():
            continue
        weight, bias = (givers[name] for name in node.input[1:3])
        name = weight.input[0].removesuffix(QUANTIZED)
        if name not in exact or bias.input[0] not in weights:
            continue
        error = _dequantized(weight, weights) - numpy_helper.to_array(exact[name])
        place = f"quince/{len(biases)}"
        added = helper.make_node(node.op_type, [node.input[0], f"{place}/weights"], [f"{place}/outputs"])
        added.attribute.extend(node.attribute)
        mean = helper.make_node("ReduceMean", [f"{place}/outputs"], [place], axes=list(LAYERS[node.op_type]), keepdims=0)
        measured.graph.node.extend([added, mean])
        measured.graph.initializer.append(numpy_helper.from_array(error.astype(np.float32), f"{place}/weights"))
        measured.graph.output.append(helper.make_tensor_value_info(place, onnx.TensorProto.FLOAT, None))
        biases[place] = bias
    for place, mean_error in _means(measured, list(biases), feeds).items():
        values, scales = (weights[name] for name in biases[place].input[:2])
        steps = np.rint(mean_error / numpy_helper.to_array(scales).astype(np.float64)).astype(np.int32)
        values.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(values) - steps, values.name))


def _dequantized(node: onnx.NodeProto, weights: dict[str, Any]) -> NDArray[np.float64]:
    values, scales = (numpy_helper.to_array(weights[name]).astype(np.float64) for name in node.input[:2])
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    shape = [-1 if place == axis and scales.ndim else 1 for place in range(values.ndim)]
    zero_points = numpy_helper.to_array(weights[node.input[2]]).reshape(shape) if len(node.input) > 2 else 0
    real: NDArray[np.float64] = (values - zero_points) * scales.reshape(shape)
    return real


def _means(model: onnx.ModelProto, names: list[str], feeds: Iterable[dict[str, NDArray[Any]]]) -> dict[str, NDArray[np.float64]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_NOTHING_BUT_FATAL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = [session.run(names, feed) for feed in feeds] if names else []
    return {name: np.mean([one[place] for one in found], axis=0, dtype=np.float64) for place, name in enumerate(names) if found}
