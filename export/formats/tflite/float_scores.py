"""Leaves the operators that make the scores in float, so that different images differ in score.

A softmax in int8 rounds each score to 1/256, and most right answers share the score 255/256. The
softmax therefore stays in float. So does the Dense layer before it if it is small: with few
classes, logits in 8 bits tie too.
"""

from collections.abc import Collection
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from export.formats.tflite.quantize import tensors_of_layers
from export.graph.surgery import graph_nodes, rebuild
from runtime.system.terminal import quiet

ACTIVATIONS, SHAPES, DENSE = ("SOFTMAX", "LOGISTIC"), ("RESHAPE", "SQUEEZE"), "FULLY_CONNECTED"
"""Operators at the end of a classifier, by the interpreter's names."""
WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", DENSE, "DELEGATE")
NORMALIZING = ("RSQRT", "BATCH_MATMUL")
"""Operators of LayerNormalization and of attention."""
SLOW_IN_INTEGERS = "HARD_SWISH"
"""An operator that XNNPACK runs in float only. Each one in integers ends its part of the network:
MobileNetV3-Small took 0.65 ms, in float 0.20, and 0.14 with these operators in float."""
KERNEL = 1
"""The place of the kernel among the inputs of DENSE."""
MAX_FLOAT_WEIGHTS = 2**16
"""Of a Dense layer that stays in float, which adds 3 bytes for each: 0.2 MB at most. A larger one
has so many classes that logits in 8 bits hardly tie (with 16 classes, 775 different scores of 800
images, and 774 in float)."""
FAKE_QUANTIZE = "FakeQuantize"
"""The class of layers that state a range (`export.quantization.fake_quantization`)."""


def float_tensors(
    model: keras.Model, calibrated: bytes, layers: Collection[str], *, float_scores: bool
) -> list[str]:
    """Returns the output tensors of the operators of a calibrated model that stay in float.

    They are those of the Keras `layers` and, with `float_scores`, those that make the scores and
    those without weights in a network with LayerNormalization, attention or hard swish.

    Raises:
        InputRefused: as `tensors_of_layers`.
    """
    chosen = tensors_of_layers(model, calibrated, layers)
    if float_scores:
        chosen += [*score_tensors(calibrated), *_without_weights(calibrated)]
    return list(dict.fromkeys(chosen))


def _without_weights(content: bytes) -> list[str]:
    """Returns the outputs of the operators without weights, if integers harm one of them.

    An inverse root of a variance reaches too far for 8 bits, and so do a few channels of the sums
    beside it; see `export.formats.onnx.int8`. Hard swish is slow in integers.
    """
    with quiet():
        interpreter = Interpreter(model_content=content)
    operators = interpreter._get_ops_details()
    harmed = (*NORMALIZING, SLOW_IN_INTEGERS)
    if not any(operator["op_name"] in harmed for operator in operators):
        return []
    values = {
        tensor["index"]: tensor["name"]
        for tensor in interpreter.get_tensor_details()
        if tensor["dtype"] == np.float32
    }
    return [
        values[index]
        for operator in operators
        if operator["op_name"] not in WITH_WEIGHTS
        for index in operator["outputs"]
        if index in values
    ]


def score_tensors(content: bytes) -> list[str]:
    """Returns the outputs of the last activation of a TFLite model, and of a small Dense before it.

    Returns nothing if the model does not end with a softmax or a sigmoid.
    """
    with quiet():
        interpreter = Interpreter(model_content=content)
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    producers = {
        output: operator
        for operator in interpreter._get_ops_details()
        if operator["op_name"] != "DELEGATE"
        for output in operator["outputs"]
    }
    tensor = interpreter.get_output_details()[0]["index"]
    names: list[str] = []
    ends: list[str] = []
    while tensor in producers:
        operator: Any = producers[tensor]
        kind = operator["op_name"]
        is_small = kind == DENSE and details[operator["inputs"][KERNEL]]["shape"].prod() <= (
            MAX_FLOAT_WEIGHTS
        )
        if kind in SHAPES:
            ends.append(details[tensor]["name"])
        elif (kind in ACTIVATIONS and not names) or (is_small and names):
            names += [*ends, details[tensor]["name"]]
            ends = []
        else:
            break
        if is_small:
            break
        tensor = operator["inputs"][0]
    return names


def without_score_range(model: keras.Model) -> keras.Model:
    """Returns a fake-quantized `model` without the range of its logits, which leaves them in float.

    The softmax after them then stays in float, too. Another model is returned unchanged.
    """
    softmax = graph_nodes(model)[-1]
    (logits, *others) = softmax.sources
    is_range = type(logits).__name__ == FAKE_QUANTIZE
    if not isinstance(softmax.operation, keras.layers.Softmax) or others or not is_range:
        return model

    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        return tensors[0] if operation.name == logits.name else operation(*tensors, **arguments)

    return rebuild(model, call)
