"""Keras -> TFLite in every precision, with TFLite Metadata, and labels and manifest in the appended zip; builtin operators only.

All take the picture's raw pixels. In int8 the pixel *is* the quantized input: the model's normalisation becomes the input's
scale and zero point, and no arithmetic is left of it; with int8 input and output it is the pixel less 128. In int16x8 the input is
int16 and real values are pixels, 0..255.
"""

import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tensorflow.lite.python.convert_phase import ConverterError

from export.formats.tflite_biases import correct_biases
from export.formats.tflite_file import add_buffer
from export.formats.tflite_metadata import LABELS_FILE, metadata_buffer
from export.formats.tflite_quantize import quantize, tensors_of
from export.formats.tflite_ranges import check_ranges, cut_ranges
from export.formats.tflite_refusal import explain, refuse_custom_operators
from export.kind import CALIBRATED, Kind
from export.labels_text import labels_text
from export.normalisation import RAW, Normalisation, split_normalisation
from export.targets import of_format
from runtime.backends import EMBEDDED_MANIFEST
from runtime.digest import digest
from runtime.errors import CheckFailed
from runtime.manifest import Manifest
from runtime.quiet import quiet

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip can hold: the same model gives the same bytes on any day."""

PIXEL_LESS = 128
"""From uint8 to int8: both have 256 values, these begin at -128."""

Pictures = NDArray[np.uint8]
PIXEL_IS_INPUT = ("int8", "mixed")
"""The precisions in which the normalisation is the input's scale and zero point."""

_calibrated: WeakKeyDictionary[keras.Model, tuple[str, dict[Any, bytes]]] = WeakKeyDictionary()
"""For each model the sha256 of the weights and pictures `calibrate` saw last, and what it gave of them, by ranges and float layers."""


def convert(model: keras.Model, kind: Kind, calibration: Pictures, manifest: Manifest) -> bytes:
    """The model as a `.tflite` that takes one picture (1, height, width, 3).

    Args:
        model: float RGB pixels 0..255 -> probabilities.
        kind: its precision is a key of PRECISIONS.
        calibration: (n, height, width, 3) uint8 RGB, the representative dataset; used for int8 and int16x8 only.
        manifest: written inside.

    Raises:
        InputRefused: the model has an operator that TFLite's builtin ones cannot express.
        CheckFailed: the raw pixel did not become the quantized input (int8, mixed), or an activation has no usable range.
    """
    content = PRECISIONS[kind.precision](model, kind, calibration)
    values = split_normalisation(model)[0] if kind.precision in PIXEL_IS_INPUT else RAW
    if kind.precision in CALIBRATED:
        check_ranges(content, model)
    return add_buffer(content, "TFLITE_METADATA", metadata_buffer(manifest, values)) + _tail(manifest)


def with_manifest(content: bytes, manifest: Manifest) -> bytes:
    """The model file `content`, made by `convert`, with another manifest of the same labels inside."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        start = min(member.header_offset for member in archive.infolist())
    return content[:start] + _tail(manifest)


def _fp32(model: keras.Model, kind: Kind, calibration: Pictures) -> bytes:
    return _run(_from_pixels(model))


def _fp16(model: keras.Model, kind: Kind, calibration: Pictures) -> bytes:
    """Weights in float16, arithmetic in float32: half the size."""
    converter = _from_pixels(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return _run(converter)


def _dynamic(model: keras.Model, kind: Kind, calibration: Pictures) -> bytes:
    """Weights in int8, activations quantized anew for each picture; Dense layers per tensor where a target knows no other."""
    converter = _from_pixels(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    old = any(not target.knows_per_channel_dense for target in of_format(kind.targets, "tflite"))
    converter._experimental_disable_per_channel_quantization_for_dense_layers = old
    return _run(converter)


def _int8(model: keras.Model, kind: Kind, calibration: Pictures) -> bytes:
    """Integers from end to end, a plain normalisation turned into the input's scale and zero point; "mixed" leaves some layers in float."""
    normalisation, inner = split_normalisation(model)
    if kind.qat:
        content = _from_fake_quantization(model, inner, kind)
    else:
        calibrated = calibrate(model, kind, calibration)
        content = quantize(calibrated, kind.io, tensors_of(model, calibrated, kind.float_layers))
    with quiet():
        found = Interpreter(model_content=content).get_input_details()[0]["quantization"]
    zero_point = normalisation.zero_point - (PIXEL_LESS if kind.io == "int8" else 0)
    if not (np.isclose(found[0], normalisation.scale, rtol=1e-6) and found[1] == zero_point):
        raise CheckFailed("int8 input", f"expected scale {normalisation.scale} and zero point {zero_point}, found {found}")
    return content


def calibrate(model: keras.Model, kind: Kind, calibration: Pictures) -> bytes:
    """A float `.tflite` of what follows the model's normalisation, with the range of every tensor on the representative dataset in it.

    Its biases make up for what rounding does to the layers that the kind leaves in int8. Converting and measuring is the slow part of int8:
    for the same model and dataset it is done once.
    """
    measured_on = digest(b"".join(one.tobytes() for one in (*model.get_weights(), calibration)))
    if model not in _calibrated or _calibrated[model][0] != measured_on:
        _calibrated[model] = (measured_on, {})
    known = _calibrated[model][1]
    if "minmax" not in known:
        converter = int8_converter(model, calibration)
        converter._experimental_calibrate_only = True
        known["minmax"] = _run(converter)
    if kind.ranges not in known:
        known[kind.ranges] = cut_ranges(known["minmax"], _values(model, calibration))
    if (kind.ranges, kind.float_layers) not in known:
        content = known[kind.ranges]
        known[kind.ranges, kind.float_layers] = correct_biases(
            content, _values(model, calibration), tensors_of(model, content, kind.float_layers)
        )
    return known[kind.ranges, kind.float_layers]


def _values(model: keras.Model, calibration: Pictures) -> Iterator[NDArray[np.float32]]:
    return (picture for (picture,) in _representative(calibration, split_normalisation(model)[0]))


def _from_fake_quantization(model: keras.Model, inner: keras.Model, kind: Kind) -> bytes:
    """From a network whose fake quantization says every range itself."""
    converter = _converter(lambda values: inner(values, training=False), model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(kind.io)
    return _run(converter)


def int8_converter(model: keras.Model, calibration: Pictures) -> Any:
    """TensorFlow's converter of what follows the model's normalisation, set to full-integer int8."""
    normalisation, inner = split_normalisation(model)
    converter = _converter(lambda values: inner(values, training=False), model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _representative(calibration, normalisation)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter


def _int16x8(model: keras.Model, kind: Kind, calibration: Pictures) -> bytes:
    """Weights in int8, activations in int16: near float accuracy, but reference kernels, many times slower."""
    converter = _converter(lambda pixels: model(pixels, training=False), model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _representative(calibration, RAW)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int16
    return _run(converter)


PRECISIONS: dict[str, Callable[[keras.Model, Kind, Pictures], bytes]] = {
    "int8": _int8,
    "mixed": _int8,
    "fp32": _fp32,
    "fp16": _fp16,
    "dynamic": _dynamic,
    "int16x8": _int16x8,
}


def _representative(calibration: Pictures, normalisation: Normalisation) -> Iterator[list[NDArray[np.float32]]]:
    """Normalised pictures one at a time; a black and a white pixel in the first make the input's range exactly 0..255."""
    for number, pixels in enumerate(calibration):
        if number == 0:
            pixels = pixels.copy()
            pixels[0, 0], pixels[-1, -1] = 0, 255
        yield [normalisation.apply(pixels[np.newaxis])]


def _from_pixels(model: keras.Model) -> Any:
    return _converter(lambda pixels: model(tf.cast(pixels, tf.float32), training=False), model, tf.uint8)


def _converter(function: Callable[[Any], Any], model: keras.Model, dtype: tf.DType) -> Any:
    signature = tf.TensorSpec((1, *model.input_shape[1:]), dtype, name="pixels")
    concrete = tf.function(function).get_concrete_function(signature)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete])


def _run(converter: Any) -> bytes:
    try:
        with quiet(1, 2):
            content: bytes = converter.convert()
    except (RuntimeError, ValueError, ConverterError) as error:
        raise explain(error, converter) from error
    refuse_custom_operators(content)
    return content


def _tail(manifest: Manifest) -> bytes:
    """The zip that TFLite Metadata appends to a model, with labels.txt and our manifest."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, text in ((LABELS_FILE, labels_text(manifest.labels)), (EMBEDDED_MANIFEST, manifest.to_json())):
            file.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), text.encode("utf-8", "backslashreplace"))
    return archive.getvalue()
