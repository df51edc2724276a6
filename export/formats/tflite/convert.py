"""Converts Keras models to TFLite in every precision, with builtin operators only.

The file has TFLite Metadata, and labels and manifest in the appended zip. It takes the image's raw
pixels. In int8 the pixel *is* the quantized input: the model's normalization becomes the input's
scale and zero point, and none of its arithmetic is left; with int8 input and output it is the pixel
less 128. The scores are float32, apart from int8 output and int16x8. In int16x8 the input is int16
and real values are pixels, 0..255.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export.formats.artifact_spec import CALIBRATED, ArtifactSpec
from export.formats.registry import Conversion
from export.formats.targets.targets import targets_of_format
from export.formats.tflite.calibrate import Images, calibrate, representative_dataset
from export.formats.tflite.float_scores import float_tensors, without_score_range
from export.formats.tflite.metadata import LABELS_FILE, METADATA_NAME, metadata_buffer
from export.formats.tflite.model_objects import add_metadata, zip_start
from export.formats.tflite.quantize import quantize_model
from export.formats.tflite.ranges import check_ranges
from export.formats.tflite.target_check import knows_per_channel_dense
from export.formats.tflite.tf_converter import make_converter, run_converter
from export.graph.input_normalization import split_input_normalization
from export.graph.input_quantization import RAW, InputQuantization
from runtime.backends.base import EMBEDDED_MANIFEST
from runtime.errors import CheckFailed
from runtime.models.labels import labels_text
from runtime.models.manifest import Manifest
from runtime.system.terminal import quiet
from workstation.zip_archive import write_zip

INT8_OFFSET = 128
"""The difference between a pixel as uint8 and as int8."""

PIXEL_IS_INPUT = ("int8", "mixed")
"""The precisions whose input scale and zero point stand for the normalization."""


def convert(
    model: keras.Model, spec: ArtifactSpec, calibration: Images, manifest: Manifest
) -> Conversion:
    """Returns the model as a `.tflite` that takes one image (1, height, width, channels).

    Args:
        model: float pixels 0..255 -> probabilities.
        spec: its precision is a key of PRECISIONS.
        calibration: (n, height, width, channels) uint8, the representative dataset; used for the
            precisions in CALIBRATED only.
        manifest: is written into the file.

    Raises:
        InputRefused: the model has an operator that TFLite's builtin ones cannot express.
        CheckFailed: the raw pixel did not become the quantized input (int8, mixed), or an
            activation has no usable range.
    """
    content = PRECISIONS[spec.precision](model, spec, calibration)
    values = split_input_normalization(model)[0] if spec.precision in PIXEL_IS_INPUT else RAW
    if spec.precision in CALIBRATED:
        check_ranges(content, model)
    content = add_metadata(content, METADATA_NAME, metadata_buffer(manifest, values))
    return Conversion(content + _appended_zip(manifest))


def with_manifest(content: bytes, manifest: Manifest) -> bytes:
    """Returns a file that `convert` made, with another manifest of the same labels inside."""
    return content[: zip_start(content)] + _appended_zip(manifest)


def _fp32(model: keras.Model, spec: ArtifactSpec, calibration: Images) -> bytes:
    return run_converter(_from_pixels(model))


def _fp16(model: keras.Model, spec: ArtifactSpec, calibration: Images) -> bytes:
    """Stores weights in float16 and computes in float32, which halves the size."""
    converter = _from_pixels(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return run_converter(converter)


def _dynamic(model: keras.Model, spec: ArtifactSpec, calibration: Images) -> bytes:
    """Stores weights in int8 and quantizes activations anew for each image.

    Dense layers are quantized per tensor if a target of the spec cannot read them per channel.
    """
    converter = _from_pixels(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    targets = targets_of_format(spec.targets, "tflite")
    per_tensor = not all(map(knows_per_channel_dense, targets))
    converter._experimental_disable_per_channel_quantization_for_dense_layers = per_tensor
    return run_converter(converter)


def _int8(model: keras.Model, spec: ArtifactSpec, calibration: Images) -> bytes:
    """Computes in integers up to the scores; "mixed" leaves some layers in float."""
    normalization, inner = split_input_normalization(model)
    if spec.qat:
        content = _from_fake_quantization(model, inner, spec)
    else:
        calibrated = calibrate(model, spec, calibration)
        in_float = float_tensors(
            model, calibrated, spec.float_layers, float_scores=spec.float_scores
        )
        content = quantize_model(calibrated, spec.io, in_float, spec.score_dtype)
    _check_input(content, normalization, spec)
    return content


def _from_fake_quantization(model: keras.Model, inner: keras.Model, spec: ArtifactSpec) -> bytes:
    """Converts a network whose FakeQuantize layers already state every range."""
    if spec.float_scores:
        inner = without_score_range(inner)
    converter = make_converter(lambda values: inner(values, training=False), model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.dtypes.as_dtype(spec.io)
    converter.inference_output_type = tf.dtypes.as_dtype(spec.score_dtype)
    return run_converter(converter)


def _check_input(content: bytes, normalization: InputQuantization, spec: ArtifactSpec) -> None:
    """Checks that the raw pixel is the quantized input."""
    with quiet():
        interpreter = Interpreter(model_content=content)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    expected = normalization.zero_point - (INT8_OFFSET if spec.io == "int8" else 0)
    if not np.isclose(scale, normalization.scale, rtol=1e-6) or zero_point != expected:
        raise CheckFailed(
            "int8 input",
            f"expected scale {normalization.scale} and zero point {expected},"
            f" found {scale} and {zero_point}",
        )


def _int16x8(model: keras.Model, spec: ArtifactSpec, calibration: Images) -> bytes:
    """Stores weights in int8 and activations in int16.

    The accuracy is near that of float, but the kernels are reference ones and many times slower.
    """
    converter = make_converter(lambda pixels: model(pixels, training=False), model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: representative_dataset(calibration, RAW)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ]
    converter.inference_input_type = converter.inference_output_type = tf.int16
    return run_converter(converter)


PRECISIONS: dict[str, Callable[[keras.Model, ArtifactSpec, Images], bytes]] = {
    "int8": _int8,
    "mixed": _int8,
    "fp32": _fp32,
    "fp16": _fp16,
    "dynamic": _dynamic,
    "int16x8": _int16x8,
}


def _from_pixels(model: keras.Model) -> Any:
    """Returns a converter of the whole model, which takes uint8 pixels."""
    return make_converter(
        lambda pixels: model(tf.cast(pixels, tf.float32), training=False), model, tf.uint8
    )


def _appended_zip(manifest: Manifest) -> bytes:
    """Returns the zip that TFLite Metadata appends to a model, with labels.txt and our manifest."""
    files = {LABELS_FILE: labels_text(manifest.labels), EMBEDDED_MANIFEST: manifest.to_json()}
    archive = BytesIO()
    write_zip(
        archive,
        {name: BytesIO(text.encode("utf-8", "backslashreplace")) for name, text in files.items()},
    )
    return archive.getvalue()
