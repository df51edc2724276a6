"""Converts a Keras model to a float `.tflite` that holds the measured range of every tensor."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.bias_correction import Errors, correct_biases, mean_errors
from export.formats.tflite.float_scores import float_tensors
from export.formats.tflite.ranges import cut_ranges
from export.formats.tflite.tf_converter import make_converter, run_converter
from export.graph.input_normalization import split_input_normalization
from export.graph.input_quantization import InputQuantization
from runtime.system.hashing import sha256_of

Images = NDArray[np.uint8]


@dataclass
class _Calibrated:
    """Remembers what `calibrate` made of a model with these weights and images.

    by_ranges: with the biases that Keras trained, by the spec's ranges.
    errors: of the biases, by the spec's ranges and `float_scores`, without layers of a mixed file,
        so that no step of `--precision auto` measures them again.
    """

    measured_on: str
    by_ranges: dict[str, bytes] = field(default_factory=dict)
    errors: dict[tuple[str, bool], Errors] = field(default_factory=dict)


_calibrated: WeakKeyDictionary[keras.Model, _Calibrated] = WeakKeyDictionary()
"""What `calibrate` made last, by model."""


def calibrate(model: keras.Model, spec: ArtifactSpec, calibration: Images) -> bytes:
    """Returns a float `.tflite` of what follows the model's normalization, with tensor ranges.

    Its biases are corrected for the rounding of the layers that the spec leaves in int8. Converting
    and measuring is the slow part of int8, so it runs once for the same model and dataset.
    """
    weights_and_images = (*model.get_weights(), calibration)
    measured_on = sha256_of(b"".join(array.tobytes() for array in weights_and_images))
    entry = _calibrated.get(model)
    if entry is None or entry.measured_on != measured_on:
        entry = _calibrated[model] = _Calibrated(measured_on)
    if "minmax" not in entry.by_ranges:
        entry.by_ranges["minmax"] = _measure_ranges(model, calibration)
    if spec.ranges not in entry.by_ranges:
        inputs = model_inputs(model, calibration)
        entry.by_ranges[spec.ranges] = cut_ranges(entry.by_ranges["minmax"], inputs)
    content, key = entry.by_ranges[spec.ranges], (spec.ranges, spec.float_scores)
    if key not in entry.errors:
        in_float = float_tensors(model, content, (), float_scores=spec.float_scores)
        entry.errors[key] = mean_errors(content, model_inputs(model, calibration), in_float)
    in_float = float_tensors(model, content, spec.float_layers, float_scores=spec.float_scores)
    return correct_biases(content, entry.errors[key], in_float)


def model_inputs(model: keras.Model, calibration: Images) -> Iterator[NDArray[np.float32]]:
    """Yields each image, (1, height, width, channels), as the model's normalization returns it."""
    normalization, _ = split_input_normalization(model)
    return (image for (image,) in representative_dataset(calibration, normalization))


def representative_dataset(
    calibration: Images, normalization: InputQuantization
) -> Iterator[list[NDArray[np.float32]]]:
    """Yields normalized images one at a time, as TensorFlow's converter asks for them.

    A black and a white pixel in the first image make the input's range exactly 0..255.
    """
    for number, pixels in enumerate(calibration):
        if number == 0:
            pixels = pixels.copy()
            pixels[0, 0], pixels[-1, -1] = 0, 255
        yield [normalization.apply(pixels[np.newaxis])]


def _measure_ranges(model: keras.Model, calibration: Images) -> bytes:
    normalization, inner = split_input_normalization(model)
    converter: Any = make_converter(lambda values: inner(values, training=False), model, tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: representative_dataset(calibration, normalization)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter._experimental_calibrate_only = True
    return run_converter(converter)
