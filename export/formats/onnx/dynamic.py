"""Quantizes weights to 8 bits and leaves activations in float.

Dense layers quantize their activations anew for each image; convolutions do not.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

MAX_WEIGHT = 127
MIN_SCALE = float(np.finfo(np.float32).tiny)


def quantize_weights(prepared: onnx.ModelProto, scratch: Path) -> onnx.ModelProto:
    """Returns the float graph `prepared` with int8 weights, per channel.

    Its dense layers multiply integers. Its convolutions do not: ONNX Runtime's quantized
    convolution without calibration (ConvInteger) has one scale for all channels, which depthwise
    layers do not survive, and is many times slower than a float one. So a Cast and a Mul turn their
    weights into floats. An interpreter computes these two once, when it loads the file, but not a
    DequantizeLinear.
    """
    source, target = scratch / "floats.onnx", scratch / "dynamic.onnx"
    onnx.save(prepared, source)
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=True,  # 7 bits: see `export.formats.onnx.integers.weight_scales`
        weight_type=QuantType.QInt8,
    )
    converted: onnx.ModelProto = onnx.load(target)
    graph = converted.graph
    weights = {weight.name: weight for weight in graph.initializer}
    kernels = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    for name in [name for name in weights if name in kernels]:
        values, scales = _quantized(numpy_helper.to_array(weights[name]))
        int8_name, scales_name, floats_name = f"{name}_int8", f"{name}_scales", f"{name}_floats"
        graph.initializer.remove(weights[name])
        graph.initializer.append(numpy_helper.from_array(values, int8_name))
        graph.initializer.append(numpy_helper.from_array(scales, scales_name))
        cast = helper.make_node("Cast", [int8_name], [floats_name], to=TensorProto.FLOAT)
        graph.node.insert(0, helper.make_node("Mul", [floats_name, scales_name], [name]))
        graph.node.insert(0, cast)
    return converted


def _quantized(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Returns float weights, (out, ...), as int8 from -127 to 127, and scales, (out, 1, ...)."""
    largest = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True)
    scales = (np.maximum(largest, MIN_SCALE * MAX_WEIGHT) / MAX_WEIGHT).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales
