"""Keras -> ONNX: float32, fed raw uint8 RGB pixels (1, height, width, 3), with the manifest in metadata_props."""

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from runtime.backends import EMBEDDED_MANIFEST
from runtime.manifest import Manifest
from runtime.quiet import quiet

OPSET = 17
"""Read by ONNX Runtime from 1.12 on; tf2onnx 1.17 writes up to 18."""


def convert(model: keras.Model, precision: str, calibration: NDArray[np.uint8], manifest: Manifest) -> bytes:
    """The model as an `.onnx` in one file. `precision` is "fp32"; `calibration` is not used for it."""

    def from_pixels(pixels: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(pixels, tf.float32), training=False)

    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.uint8, name="pixels")]
    with quiet(1, 2):
        converted, _ = tf2onnx.convert.from_function(tf.function(from_pixels), signature, opset=OPSET)
    onnx.helper.set_model_props(converted, {EMBEDDED_MANIFEST: manifest.to_json()})
    onnx.checker.check_model(converted)
    content: bytes = converted.SerializeToString()
    return content
