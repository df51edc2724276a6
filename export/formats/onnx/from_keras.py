"""Converts Keras models to ONNX."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export.formats.artifact_spec import ArtifactSpec
from export.formats.layer_error import LayerError
from export.formats.onnx.convert import convert_graphs, graph_errors
from export.formats.onnx.graph import INPUT
from export.formats.registry import Conversion
from export.graph.input_normalization import split_input_normalization
from export.graph.input_quantization import InputQuantization
from export.graph.onnx_folding import fold
from runtime.models.manifest import Manifest
from runtime.system.hashing import sha256_of

OPSET = 17
"""The highest operator set before 18, whose reductions tf2onnx 1.17 writes in another form. ONNX
Runtime reads it from 1.12 on."""


def convert(
    model: keras.Model, spec: ArtifactSpec, calibration: NDArray[np.uint8], manifest: Manifest
) -> Conversion:
    """Returns a Keras model as one `.onnx` file; see `export.formats.onnx.convert`.

    `model` takes float pixels 0..255 and gives probabilities.
    """
    return convert_graphs(KerasGraphs(model), spec, calibration, manifest)


def layer_errors(
    model: keras.Model, calibration: NDArray[np.uint8], spec: ArtifactSpec
) -> list[LayerError]:
    """Returns what `export.formats.onnx.convert.graph_errors` does."""
    return graph_errors(KerasGraphs(model), calibration, spec)


@dataclass
class _Made:
    """Remembers the graphs of a model, by input and batch, and the hashes of its weights."""

    weights: str
    graphs: dict[tuple[str, int], bytes] = field(default_factory=dict)


_made: WeakKeyDictionary[keras.Model, _Made] = WeakKeyDictionary()
"""What tf2onnx made last, by model; several precisions begin with the same graph."""
MAX_KEPT_BYTES = 128 * 2**20
"""A larger graph is made again, because up to three would stay in memory beside the model."""


class KerasGraphs:
    """Makes the graphs of a Keras model; see `export.formats.onnx.convert.FloatGraphs`."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def of_bytes(self, batch: int, scratch: Path) -> onnx.ModelProto:
        """Returns the graph on uint8 planes of raw pixels."""
        return self._graph("bytes", self._model, tf.uint8, batch, scratch)

    def of_floats(self, batch: int, scratch: Path) -> onnx.ModelProto:
        """Returns the graph on float planes of raw pixels."""
        return self._graph("floats", self._model, tf.float32, batch, scratch)

    def split(self, batch: int, scratch: Path) -> tuple[InputQuantization, onnx.ModelProto]:
        """Returns the normalization at the head, and the graph on float planes of its results."""
        normalization, inner = split_input_normalization(self._model)
        return normalization, self._graph("normalized", inner, tf.float32, batch, scratch)

    def _graph(
        self, takes: str, model: keras.Model, dtype: tf.DType, batch: int, scratch: Path
    ) -> onnx.ModelProto:
        weights = " ".join(sha256_of(array.tobytes()) for array in self._model.get_weights())
        made = _made.get(self._model)
        if made is None or made.weights != weights:
            made = _made[self._model] = _Made(weights)
        if (takes, batch) in made.graphs:
            return onnx.load_from_string(made.graphs[takes, batch])
        graph = keras_to_onnx(model, dtype, batch, scratch)
        if graph.ByteSize() <= MAX_KEPT_BYTES:
            made.graphs[takes, batch] = graph.SerializeToString()
        return graph


def keras_to_onnx(
    model: keras.Model, dtype: tf.DType, batch: int, scratch: Path
) -> onnx.ModelProto:
    """Returns the graph of `model` on planes INPUT, with its BatchNorms folded.

    The planes are (batch, channels, height, width).

    Args:
        model: float (batch, height, width, channels) -> (batch, classes).
        dtype: of the input; the first node casts it to float32 if it is another type.
        batch: images a call.
        scratch: a folder for intermediate files.
    """

    def function(pixels: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(pixels, tf.float32), training=False)

    # tf2onnx numbers its names from here and optimizes in their order: the same for every model.
    tf2onnx.utils.INTERNAL_NAME = 1
    signature = [tf.TensorSpec((batch, *model.input_shape[1:]), dtype, name=INPUT)]
    with _inlined_functions():
        converted, _ = tf2onnx.convert.from_function(
            tf.function(function, autograph=False),
            signature,
            opset=OPSET,
            inputs_as_nchw=[f"{INPUT}:0"],
        )
    _write_erfc_as_erf(converted.graph)
    # This folds the BatchNorms beside depthwise convolutions, which tf2onnx leaves.
    prepared = fold(converted, scratch)
    _drop_reshape_of_grey(prepared)
    return prepared


@contextmanager
def _inlined_functions() -> Generator[None, None, None]:
    """Traces the functions that Keras compiles, as of convolutions in groups, into the graph.

    tf2onnx would leave a call of each in the graph.
    """
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _write_erfc_as_erf(graph: onnx.GraphProto) -> None:
    """Writes erfc(-x c), as in Keras' GELU, as 1 + erf(x c), in place; ONNX has no Erfc.

    ONNX Runtime then fuses the parts of a GELU.
    """
    producers = {node.output[0]: node for node in graph.node}
    for node in [node for node in graph.node if node.op_type == "Erfc"]:
        scaled = producers[node.input[0]]
        negative = producers.get(scaled.input[0])
        if scaled.op_type != "Mul" or negative is None or negative.op_type != "Neg":
            continue  # ONNX Runtime then names the operator
        scaled.input[0] = negative.input[0]
        one, erf = f"{node.name}/one", f"{node.name}/erf"
        graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), one))
        place = list(graph.node).index(node)
        graph.node.insert(place, helper.make_node("Erf", [node.input[0]], [erf], erf))
        node.op_type = "Add"
        node.input[:] = [erf, one]


def _drop_reshape_of_grey(model: onnx.ModelProto) -> None:
    """Drops, in place, a Reshape of the planes INPUT to the shape that they have.

    tf2onnx turns a Transpose of one channel into a Reshape, and two of them into such a one.
    """
    graph = model.graph
    shapes = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    planes = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim]
    for node in list(graph.node):
        same = node.op_type == "Reshape" and node.input[0] == INPUT
        if same and list(shapes.get(node.input[1], ())) == planes:
            graph.node.remove(node)
            for reader in graph.node:
                reader.input[:] = [
                    INPUT if name == node.output[0] else name for name in reader.input
                ]
