"""Converts float graphs to ONNX files in every precision, with the manifest in metadata_props.

The file takes raw uint8 pixels (batch, height, width, channels). One Transpose of bytes at its head
is all that remains of the pixels' layout. In int8 the output of that Transpose *is* the quantized
input, as in TFLite, if the model begins with a plain normalization.

The graphs come from a Keras model (`from_keras`) or from an ONNX file (`from_onnx`).
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.formats.artifact_spec import ArtifactSpec
from export.formats.layer_error import LayerError
from export.formats.onnx.batch_check import check_batch_rows
from export.formats.onnx.dynamic import quantize_weights
from export.formats.onnx.graph import (
    ConvertedGraph,
    add_image_input,
    drop_unused,
    quantizes_input,
)
from export.formats.onnx.int8 import calibration_feeds, quantize_int8
from export.formats.onnx.integers.layer_errors import MAX_IMAGES, measure_layers
from export.formats.onnx.metadata import write_metadata
from export.formats.onnx.stable_names import rename_nodes
from export.formats.registry import Conversion
from export.graph.input_quantization import RAW, InputQuantization
from runtime.models.manifest import Manifest
from runtime.system.terminal import quiet

Images = NDArray[np.uint8]


class FloatGraphs(Protocol):
    """Makes the float graphs of one classifier, each folded and with probabilities as output.

    They take planes INPUT (batch, channels, height, width). `scratch` is a folder for intermediate
    files.
    """

    def of_bytes(self, batch: int, scratch: Path) -> onnx.ModelProto:
        """Returns the graph on uint8 planes of raw pixels."""

    def of_floats(self, batch: int, scratch: Path) -> onnx.ModelProto:
        """Returns the graph on float planes of raw pixels."""

    def split(self, batch: int, scratch: Path) -> tuple[InputQuantization, onnx.ModelProto]:
        """Returns the normalization at the head, and the graph on float planes of its results.

        Returns RAW and the graph on raw pixels if no scale and zero point can replace it.
        """


def convert_graphs(
    graphs: FloatGraphs, spec: ArtifactSpec, calibration: Images, manifest: Manifest
) -> Conversion:
    """Returns a classifier as one `.onnx` file; equal inputs give equal bytes.

    Args:
        graphs: of the classifier.
        spec: its precision is a key of PRECISIONS.
        calibration: (n, height, width, channels) uint8, the representative dataset; used for int8
        only.
        manifest: is written into the file.

    Raises:
        CheckFailed: an image's scores depend on its place in the batch.
    """
    with tempfile.TemporaryDirectory() as folder, quiet(1, 2):
        graph, warnings = PRECISIONS[spec.precision](graphs, spec, calibration, Path(folder))
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
    graphs: FloatGraphs, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    return ConvertedGraph(graphs.of_bytes(spec.batch, scratch))


def _fp16(
    graphs: FloatGraphs, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    """Halves the size; on CPUs usually slower than fp32."""
    graph = graphs.of_bytes(spec.batch, scratch)
    return ConvertedGraph(convert_float_to_float16(graph, keep_io_types=True))


def _dynamic(
    graphs: FloatGraphs, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    """Quantizes weights to int8; see `export.formats.onnx.dynamic`."""
    graph = graphs.of_bytes(spec.batch, scratch)
    return ConvertedGraph(quantize_weights(graph, scratch))


def _int8(
    graphs: FloatGraphs, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> ConvertedGraph:
    """Quantizes activations and weights to 8 bits; see `export.formats.onnx.int8`."""
    return _quantize(graphs, spec, calibration, scratch)[0]


def _quantize(
    graphs: FloatGraphs, spec: ArtifactSpec, calibration: Images, scratch: Path
) -> tuple[ConvertedGraph, onnx.ModelProto, InputQuantization]:
    """Returns the int8 graph, the float graph that it was made of, and what that takes."""
    normalization, graph = graphs.split(spec.batch, scratch)
    quantized = quantize_int8(graph, calibration, spec, normalization, scratch)
    if normalization != RAW and not quantizes_input(quantized.model):
        graph = graphs.of_floats(spec.batch, scratch)  # it normalizes pixels itself
        normalization = RAW
        quantized = quantize_int8(graph, calibration, spec, RAW, scratch)
    return quantized, graph, normalization


def graph_errors(graphs: FloatGraphs, calibration: Images, spec: ArtifactSpec) -> list[LayerError]:
    """Returns the error of each operator in int8, the most damaged first.

    `calibration` is the (n, height, width, channels) uint8 representative dataset.
    """
    with tempfile.TemporaryDirectory() as folder, quiet(1, 2):
        quantized, graph, normalization = _quantize(graphs, spec, calibration, Path(folder))
        feeds = calibration_feeds(calibration[:MAX_IMAGES], spec, normalization)
        return measure_layers(quantized.model, graph, feeds)


PRECISIONS: dict[str, Callable[[FloatGraphs, ArtifactSpec, Images, Path], ConvertedGraph]] = {
    "fp32": _fp32,
    "fp16": _fp16,
    "dynamic": _dynamic,
    "int8": _int8,
    "mixed": _int8,
}
