"""Keras -> TFLite: full-integer int8 and float32, both fed raw uint8 RGB pixels, with labels and manifest in the appended zip."""

import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from export.normalisation import Normalisation, split_normalisation
from runtime.backends import EMBEDDED_MANIFEST
from runtime.errors import CheckFailed
from runtime.manifest import Manifest
from runtime.quiet import quiet

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip can hold: the same model gives the same bytes on any day."""


def convert(model: keras.Model, precision: str, calibration: NDArray[np.uint8], manifest: Manifest) -> bytes:
    """The model as a `.tflite` with uint8 (1, height, width, 3) input.

    Args:
        model: float RGB pixels 0..255 -> probabilities.
        precision: "int8" (weights, activations, input and output are integers) or "fp32".
        calibration: (n, height, width, 3) uint8 RGB, the representative dataset; used for int8 only.
        manifest: written inside.

    Raises:
        CheckFailed: the raw pixel did not become the quantized input.
    """
    content = _int8(model, calibration) if precision == "int8" else _fp32(model)
    return content + _tail(manifest)


def _fp32(model: keras.Model) -> bytes:
    def from_pixels(pixels: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(pixels, tf.float32), training=False)

    return _run(_converter(from_pixels, model, tf.uint8))


def _int8(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Converts what follows the normalisation, whose scale and offset become those of the uint8 input: no arithmetic is left of it."""
    normalisation, inner = split_normalisation(model)
    converter = _converter(lambda values: inner(values, training=False), model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _representative(calibration, normalisation)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    content = _run(converter)
    with quiet():
        found = Interpreter(model_content=content).get_input_details()[0]["quantization"]
    if not (np.isclose(found[0], normalisation.scale, rtol=1e-6) and found[1] == normalisation.zero_point):
        raise CheckFailed("int8 input", f"expected scale {normalisation.scale} and zero point {normalisation.zero_point}, found {found}")
    return content


def _representative(calibration: NDArray[np.uint8], normalisation: Normalisation) -> Iterator[list[NDArray[np.float32]]]:
    """Normalised pictures one at a time; a black and a white pixel in the first make the input's range exactly 0..255."""
    for number, pixels in enumerate(calibration):
        if number == 0:
            pixels = pixels.copy()
            pixels[0, 0], pixels[0, 1] = 0, 255
        yield [normalisation.apply(pixels[np.newaxis])]


def _converter(function: Callable[[Any], Any], model: keras.Model, dtype: tf.DType) -> Any:
    signature = tf.TensorSpec((1, *model.input_shape[1:]), dtype, name="pixels")
    concrete = tf.function(function).get_concrete_function(signature)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete])


def _run(converter: Any) -> bytes:
    with quiet(1, 2):
        content: bytes = converter.convert()
    return content


def _tail(manifest: Manifest) -> bytes:
    """The zip that TFLite Metadata appends to a model, with labels.txt and our manifest."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, text in (("labels.txt", "\n".join(manifest.labels) + "\n"), (EMBEDDED_MANIFEST, manifest.to_json())):
            file.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), text.encode("utf-8", "backslashreplace"))
    return archive.getvalue()
