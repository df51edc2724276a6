"""Sets up and runs TensorFlow's TFLite converter, and says why it cannot express a model.

The sentence names the operators that are not builtin ones, and the layers that they come from.
"""

import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from export.formats.tflite.flatbuffer import operators
from runtime.errors import InputRefused
from runtime.system.terminal import quiet

MAX_LENGTH = 300


def make_converter(function: Callable[[Any], Any], model: keras.Model, dtype: tf.DType) -> Any:
    """Returns a converter of `function` on one image of the model's size and of type `dtype`."""
    signature = tf.TensorSpec((1, *model.input_shape[1:]), dtype, name="pixels")
    concrete = tf.function(function, autograph=False).get_concrete_function(signature)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete])


def run_converter(converter: Any) -> bytes:
    """Returns the converted model.

    Raises:
        InputRefused: the model has an operator that TFLite's builtin ones cannot express.
    """
    try:
        with quiet(1, 2):
            content: bytes = converter.convert()
    except (RuntimeError, ValueError, ConverterError) as error:
        raise _explained(error, converter) from error
    refuse_custom_operators(content)
    return content


def _explained(error: Exception, converter: Any) -> InputRefused:
    """Returns the error to raise for an `error` of a TFLiteConverter of one concrete function."""
    text = str(error)
    listed = re.findall(r"^(?:TF Select|Custom) ops: (.+)$", text, re.MULTILINE)
    names = [name for line in listed for name in re.split(r",\s*", line.strip())]
    if not names:
        reason = " ".join(text.split())[:MAX_LENGTH]
        return InputRefused("model", f"TFLite's converter refused it: {reason}")
    unsupported = ", ".join(_with_layer(name, converter) for name in dict.fromkeys(names))
    return InputRefused(
        "model",
        f"TFLite has no builtin operator for {unsupported};"
        " use layers made of builtin operators, or export onnx",
    )


def refuse_custom_operators(content: bytes) -> None:
    """Checks that a TFLite model has builtin operators only.

    Raises:
        InputRefused: it has another; names it.
    """
    for operator in operators(content):
        if operator.custom is not None:
            raise InputRefused(
                "model",
                f"became a .tflite with the operator {operator.custom},"
                " which is not a builtin operator of TFLite",
            )


def _with_layer(operator: str, converter: Any) -> str:
    """Returns the operator and the path of the layer in which TensorFlow made it.

    The path is the name scope without the names of the model and of the operator.
    """
    paths = [
        node.name.split("/")
        for node in converter._funcs[0].graph.get_operations()
        if node.type == operator
    ]
    layers = ["/".join(path[1:-1]) for path in paths if len(path) > 2]
    return f"{operator} (layer '{layers[0]}')" if layers else operator
