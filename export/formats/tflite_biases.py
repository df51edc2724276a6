"""Bias correction: the mean error that rounding leaves in each channel of a layer's output is taken off the layer's bias.

Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2,
in its empirical form: the error is measured on the representative dataset. Each layer's is its own, given the quantized input, so that all
are corrected at once.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from export.formats.tflite_quantize import verifying
from runtime.quiet import quiet

WITH_BIAS = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)
BIAS = 2
"""Where in such an operator's inputs its bias is."""
LEAST_ACTIVE = 0.1
"""The part of a channel's values that its activation must let through: the bias of one that is nearly always cut moves next to nothing."""


def correct_biases(calibrated: bytes, inputs: Iterable[NDArray[np.float32]], float_tensors: Iterable[str] = ()) -> bytes:
    """The calibrated model with the biases that make up for rounding on `inputs`, (1, height, width, 3) each.

    Operators whose output is in `float_tensors` will stay in float, and keep theirs.
    """
    errors = _mean_errors(verifying(calibrated, tuple(float_tensors)), inputs)
    content = bytearray(calibrated)
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        error = errors.get(graph.Tensors(operator.Outputs(0)).Name().decode())
        if code.BuiltinCode() not in WITH_BIAS or operator.InputsLength() <= BIAS or operator.Inputs(BIAS) < 0 or error is None:
            continue
        bias: Any = model.Buffers(graph.Tensors(operator.Inputs(BIAS)).Buffer()).DataAsNumpy()
        if len(bias) == 4 * len(error):
            bias.view(np.float32)[:] -= error
    return bytes(content)


def _mean_errors(content: bytes, inputs: Iterable[NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """By the name of a quantized operator's output: what of its bias each channel's mean error asks off, (channels,) real values.

    Where the activation lets through the part p of a channel's values, a bias moves their mean by p of itself.
    """
    with quiet(1, 2):
        interpreter = tf.lite.Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    pairs = [tuple(operator["inputs"]) for operator in interpreter._get_ops_details() if operator["op_name"] == "NumericVerify"]
    error: dict[int, Any] = dict.fromkeys((quantized for quantized, _ in pairs), 0.0)
    active, count = dict(error), 0
    for values in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        count += 1
        for quantized, exact in pairs:
            scale, zero_point = details[quantized]["quantization"]
            real = interpreter.get_tensor(exact)
            real = real.reshape(-1, real.shape[-1])
            given = (interpreter.get_tensor(quantized).reshape(real.shape).astype(np.float32) - zero_point) * scale
            within = (real > (-128 - zero_point) * scale) & (real < (127 - zero_point) * scale)
            error[quantized] = error[quantized] + (given - real).mean(axis=0, dtype=np.float64)
            active[quantized] = active[quantized] + within.mean(axis=0, dtype=np.float64)
    return {
        details[quantized]["name"]: np.where(
            active[quantized] >= LEAST_ACTIVE * count, error[quantized] / np.maximum(active[quantized], 1e-9), 0
        ).astype(np.float32)
        for quantized, _ in pairs
    }
