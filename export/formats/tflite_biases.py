"""Bias correction: the mean error that rounding leaves in each channel of a layer's output is taken off the layer's bias.

Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2,
in its empirical form: the error is measured on the representative dataset. Each layer's is its own, given the quantized input, so that all
are corrected at once.
"""

from collections import Counter
from collections.abc import Collection, Iterable
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


def correct_biases(calibrated: bytes, inputs: Iterable[NDArray[np.float32]], float_tensors: Collection[str] = ()) -> bytes:
    """The calibrated model with the biases that make up for rounding on `inputs`, (1, height, width, 3) each.

    Operators whose output is in `float_tensors` will stay in float, and keep theirs; so do those that share one with another.
    """
    errors = mean_errors(verifying(calibrated, float_tensors), inputs)
    content = bytearray(calibrated)
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    used = Counter(graph.Tensors(index).Buffer() for operator in operators for index in operator.InputsAsNumpy() if index >= 0)
    for operator in operators:
        error = errors.get(graph.Tensors(operator.Outputs(0)).Name().decode())
        code = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if code not in WITH_BIAS or operator.InputsLength() <= BIAS or operator.Inputs(BIAS) < 0 or error is None:
            continue
        buffer = graph.Tensors(operator.Inputs(BIAS)).Buffer()
        bias: Any = model.Buffers(buffer).DataAsNumpy()
        if used[buffer] == 1 and model.Buffers(buffer).DataLength() == error.nbytes:
            bias.view(np.float32)[:] -= error
    return bytes(content)


def mean_errors(content: bytes, inputs: Iterable[NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
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
        details[exact]["name"]: np.where(
            active[quantized] >= LEAST_ACTIVE * count, error[quantized] / np.maximum(active[quantized], 1e-9), 0
        ).astype(np.float32)
        for quantized, exact in pairs
    }
