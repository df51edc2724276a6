"""Sets up and runs TensorFlow's TFLite converter."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from export.formats.tflite.unsupported_ops import explain, refuse_custom_operators
from runtime.system.terminal import quiet


def make_converter(function: Callable[[Any], Any], model: keras.Model, dtype: tf.DType) -> Any:
    """Returns a converter of `function` on one image of the model's size and of type `dtype`."""
    signature = tf.TensorSpec((1, *model.input_shape[1:]), dtype, name="pixels")
    concrete = tf.function(function).get_concrete_function(signature)
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
        raise explain(error, converter) from error
    refuse_custom_operators(content)
    return content
