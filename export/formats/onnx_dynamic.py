"""Weights in 8 bits, activations in float: of dense layers quantized anew for each picture, of convolutions not at all."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

LARGEST = 127
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)


def quantize_weights(prepared: onnx.ModelProto, scratch: Path) -> onnx.ModelProto:
    """The float graph `prepared` with int8 weights, per channel; its dense layers multiply integers.

    ONNX Runtime's quantized convolution without calibration (ConvInteger) has one scale for all channels, which depthwise layers do
    not survive, and is many times slower than a float one. So convolutions get their weights as floats, by a Cast and a Mul, which an
    interpreter computes once, when it loads the file; it would not a DequantizeLinear.
    """
    source, target = scratch / "floats.onnx", scratch / "dynamic.onnx"
    onnx.save(prepared, source)
    quantize_dynamic(
        source, target, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True, weight_type=QuantType.QInt8
    )  # 7 bits: see `export.formats.onnx_scales`
    converted: onnx.ModelProto = onnx.load(target)
    graph = converted.graph
    weights = {weight.name: weight for weight in graph.initializer}
    named = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    for name in [name for name in weights if name in named]:
        values, scales = _quantized(numpy_helper.to_array(weights[name]))
        graph.initializer.remove(weights[name])
        graph.initializer.extend([numpy_helper.from_array(values, f"{name}_int8"), numpy_helper.from_array(scales, f"{name}_scales")])
        graph.node.insert(0, helper.make_node("Mul", [f"{name}_floats", f"{name}_scales"], [name]))
        graph.node.insert(0, helper.make_node("Cast", [f"{name}_int8"], [f"{name}_floats"], to=TensorProto.FLOAT))
    return converted


def _quantized(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(out, ...) float -> (out, ...) int8 from -127 to 127, and (out, 1, ...) scales."""
    largest = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True)
    scales = (np.maximum(largest, SMALLEST_SCALE * LARGEST) / LARGEST).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales
