"""Converts Keras models with TensorFlow's and tf2onnx's own functions, as their pages advise.

All take a model on float pixels 0..255.
"""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray

from export.formats.onnx.from_keras import KerasGraphs
from runtime.system.terminal import quiet


def _float_tflite(model: keras.Model) -> bytes:
    with quiet(1, 2):
        return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def _float_onnx(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder, quiet(1, 2):
        graph: onnx.ModelProto = KerasGraphs(model).of_floats(1, Path(folder))
        return bytes(graph.SerializeToString())


FLOAT_FILES = {".tflite": _float_tflite, ".onnx": _float_onnx}


def full_int8(model: keras.Model, images: NDArray[np.uint8]) -> bytes:
    """Returns a `.tflite` with integers from input to output, calibrated on (n, h, w, c) pixels."""
    converter: Any = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [image[np.newaxis].astype(np.float32)] for image in images
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    with quiet(1, 2):
        return bytes(converter.convert())
