"""Converts Keras models to ONNX in every precision, with the manifest in metadata_props.

The file takes raw uint8 pixels (batch, height, width, channels). One Transpose of bytes at its head
is all that remains of the pixels' layout. In int8 the output of that Transpose *is* the quantized
input, as in TFLite, if the model begins with a plain normalization.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.batch_check import check_batch_rows
from export.formats.onnx.dynamic import quantize_weights
from export.formats.onnx.graph import (
    ConvertedGraph,
    add_image_input,
    drop_unused,
    keras_to_onnx,
    quantizes_input,
)
from export.formats.onnx.int8 import quantize_int8
from export.formats.onnx.metadata import write_metadata
from export.formats.onnx.stable_names import rename_nodes
from export.formats.registry import Conversion
from export.graph.input_normalization import RAW, split_input_normalization
from runtime.models.manifest import Manifest
from runtime.system.terminal import quiet

Images = NDArray[np.uint8]


def convert(
    model: keras.Model, spec: ArtifactSpec, calibration: Images, manifest: Manifest
) -> Conversion:
    """Returns the model as one `.onnx` file; equal inputs give equal bytes.

    Args:
        model: float pixels 0..255 -> probabilities.
        spec: its precision is a key of PRECISIONS.
        calibration: (n, height, width, channels) uint8, the representative dataset; used for int8
        only.
        manifest: is written into the file.

    Raises:
        CheckFailed: an image's scores depend on its place in the batch.
    """
    with tempfile.TemporaryDirectory() as folder, quiet(1, 2):
        graph, warnings = PRECISIONS[spec.precision](model, spec, calibration, Path(folder))
    add_image_input(graph, floats=spec.io == "float")
    drop_unused(graph)
    rename_nodes(graph)
    write_metadata(graph, manifest, spec.batch)
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString(deterministic=True)
    if spec.batch > 1:
        check_batch_rows(content, calibration)
    return Conversion(content, warnings)


def _fp32(
    model: keras.Model, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    return ConvertedGraph(keras_to_onnx(model, tf.uint8, spec.batch, scratch))


def _fp16(
    model: keras.Model, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    """Halves the size; on CPUs usually slower than fp32."""
    graph = keras_to_onnx(model, tf.uint8, spec.batch, scratch)
    return ConvertedGraph(convert_float_to_float16(graph, keep_io_types=True))


def _dynamic(
    model: keras.Model, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    """Quantizes weights to int8; see `export.formats.onnx.dynamic`."""
    graph = keras_to_onnx(model, tf.uint8, spec.batch, scratch)
    return ConvertedGraph(quantize_weights(graph, scratch))


def _int8(
    model: keras.Model, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    """Quantizes activations and weights to 8 bits; see `export.formats.onnx.int8`."""
    normalization, inner = split_input_normalization(model)
    graph = keras_to_onnx(inner, tf.float32, spec.batch, scratch)
    quantized = quantize_int8(graph, calibration, spec, normalization, scratch)
    if normalization == RAW or quantizes_input(quantized.model):
        return quantized
    graph = keras_to_onnx(model, tf.float32, spec.batch, scratch)  # it normalizes pixels itself
    return quantize_int8(graph, calibration, spec, RAW, scratch)


PRECISIONS: dict[str, Callable[[keras.Model, ArtifactSpec, Images, Path], ConvertedGraph]] = {
    "fp32": _fp32,
    "fp16": _fp16,
    "dynamic": _dynamic,
    "int8": _int8,
}
