"""Takes the mean error that rounding leaves in each channel of a layer's output off its bias.

Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and
Bias Correction", ICCV 2019, section 4.2, in its empirical form: the error is measured on the
representative dataset. The error of each layer is measured with its quantized input, so all layers
are corrected at once.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from export.formats.tflite.quantize import with_verify_operators
from runtime.system.terminal import quiet

Errors = dict[str, NDArray[np.float32]]
"""What to take off each bias, (channels,), by the output name of the operator."""
WITH_BIAS = (
    schema.BuiltinOperator.CONV_2D,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D,
    schema.BuiltinOperator.FULLY_CONNECTED,
)
BIAS = 2
"""The place of the bias among the inputs of such an operator."""
MIN_ACTIVE = 0.1
"""The part of a channel's values that its activation must let through. If almost all values are
cut, the bias has almost no effect."""


def correct_biases(calibrated: bytes, errors: Errors, float_tensors: Collection[str] = ()) -> bytes:
    """Returns the calibrated model with biases that compensate for the `errors` of rounding.

    Operators whose output is in `float_tensors` will stay in float, so they keep their biases; so
    do operators that share a bias.
    """
    content = bytearray(calibrated)
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    uses = Counter(
        graph.Tensors(index).Buffer()
        for operator in operators
        for index in operator.InputsAsNumpy()
        if index >= 0
    )
    for operator in operators:
        output = graph.Tensors(operator.Outputs(0)).Name().decode()
        error = errors.get(output)
        if error is None or output in float_tensors or not _has_bias(model, operator):
            continue
        buffer = graph.Tensors(operator.Inputs(BIAS)).Buffer()
        bias: Any = model.Buffers(buffer).DataAsNumpy()
        if uses[buffer] == 1 and model.Buffers(buffer).DataLength() == error.nbytes:
            bias.view(np.float32)[:] -= error
    return bytes(content)


def _has_bias(model: Any, operator: Any) -> bool:
    code = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
    return code in WITH_BIAS and operator.InputsLength() > BIAS and operator.Inputs(BIAS) >= 0


def mean_errors(
    calibrated: bytes, inputs: Iterable[NDArray[np.float32]], float_tensors: Collection[str] = ()
) -> Errors:
    """Returns the errors of a calibrated model on `inputs`, with `float_tensors` in float.

    Each input is (1, height, width, channels). If the activation lets through the part p of
    a channel's values, a bias moves their mean by p of itself, so the mean error is divided by p.
    """
    with quiet(1, 2):
        interpreter = tf.lite.Interpreter(
            model_content=with_verify_operators(calibrated, float_tensors),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    pairs = [
        tuple(operator["inputs"])
        for operator in interpreter._get_ops_details()
        if operator["op_name"] == "NumericVerify"
    ]
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
            steps = interpreter.get_tensor(quantized).reshape(real.shape).astype(np.float32)
            rounded = (steps - zero_point) * scale
            passed = (real > (-128 - zero_point) * scale) & (real < (127 - zero_point) * scale)
            error[quantized] = error[quantized] + (rounded - real).mean(axis=0, dtype=np.float64)
            active[quantized] = active[quantized] + passed.mean(axis=0, dtype=np.float64)
    return {
        details[exact]["name"]: np.where(
            active[quantized] >= MIN_ACTIVE * count,
            error[quantized] / np.maximum(active[quantized], 1e-9),
            0,
        ).astype(np.float32)
        for quantized, exact in pairs
    }
