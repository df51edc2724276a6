"""Opens an external SavedModel as a Keras model of one layer.

Its graph is read first, and refused unless it only computes numbers.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.graph.model_signature import keras_class_count, keras_image_shape, scores_output_name
from export.graph.wrapping import NO_WRAPPING, Wrapping
from export.inputs.saved_model_files import GRAPH, check_saved_model_folder, variables_size
from export.inputs.saved_model_graph import check_functions, item_size
from runtime.errors import CheckFailed, InputRefused

ENDPOINTS = ("serving_default", "serve")
"""The signatures that TensorFlow and Keras' `model.export` write."""
NODE_KINDS = frozenset(
    {"user_object", "function", "bare_concrete_function", "constant", "variable"}
)
ARITHMETIC = frozenset({"Add", "AddV2", "Div", "Mul", "RealDiv", "Sub"})
BROKEN = (tf.errors.OpError, ValueError, KeyError, AttributeError, TypeError, OSError)
"""What TensorFlow raises for broken folders."""


class Endpoint(NamedTuple):
    """A signature of the SavedModel, with the name, shape and dtype of its input and output."""

    name: str
    input: str
    input_shape: tuple[int | None, ...]
    dtype: tf.DType
    output: str
    output_shape: tuple[int | None, ...]


def open_saved_model(path: Path, wrapping: Wrapping) -> keras.Model:
    """Returns the serving signature as a Keras model.

    It takes float pixels (batch, height, width, channels) and gives (batch, classes).

    Raises:
        InputRefused: not a SavedModel of TensorFlow 2, not one image in and one vector out, or it
            does more than compute numbers.
        CheckFailed: a variable is not a finite number; names it.
    """
    endpoint = check_saved_model(path, wrapping)
    shape = keras_image_shape(endpoint.input_shape, str(path), wrapping.input_size)
    classes = keras_class_count(endpoint.output_shape, str(path))
    batch = endpoint.input_shape[0]
    if batch is not None:
        raise InputRefused(
            str(path),
            f"expected any number of images at a time, found {batch}; export it with an open batch"
            " dimension",
        )
    try:
        loaded = tf.saved_model.load(str(path))
        function = loaded.signatures[endpoint.name]
    except BROKEN as error:
        reason = " ".join(str(error).split())[:300]
        raise InputRefused(str(path), f"TensorFlow cannot load it: {reason}") from error
    for variable in function.variables:
        if variable.dtype.is_floating and not np.isfinite(variable.numpy()).all():
            raise CheckFailed(
                str(path), f"variable '{variable.name}' has values that are NaN or infinite"
            )
    pixels = keras.Input(shape, name="pixels")
    served = _Served(_LoadedModel(loaded, function, endpoint, classes))
    return keras.Model(pixels, served(pixels), name="saved_model")


def check_saved_model(path: Path, wrapping: Wrapping = NO_WRAPPING) -> Endpoint:
    """Returns the signature to serve, from the graph alone: nothing is run or loaded.

    Raises:
        InputRefused: see `open_saved_model`.
    """
    check_saved_model_folder(path)
    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString((path / GRAPH).read_bytes())
    except DecodeError as error:
        raise InputRefused(str(path / GRAPH), "damaged or cut: not a SavedModel's graph") from error
    graphs = [graph for graph in content.meta_graphs if "serve" in graph.meta_info_def.tags]
    if len(graphs) != 1 or not graphs[0].object_graph_def.nodes:
        raise InputRefused(
            str(path),
            "expected a SavedModel of TensorFlow 2 with one graph for serving; export it with"
            " model.export('FOLDER')",
        )
    graph = graphs[0]
    _check_objects(graph.object_graph_def, path)
    endpoint = _endpoint(graph, path, wrapping)
    function = _function_of(graph.object_graph_def, endpoint.name, path)
    check_functions(graph.graph_def, function, str(path), (path / GRAPH).stat().st_size)
    return endpoint


def served_scales_pixels(model: keras.Model) -> bool:
    """Whether a model that `open_saved_model` returned starts with arithmetic on pixels."""
    frozen = convert_variables_to_constants_v2(model.layers[-1].function)
    tensor = frozen.inputs[0]
    while len(readers := tensor.consumers()) == 1:
        if readers[0].type in ARITHMETIC:
            return True
        if readers[0].type not in ("Cast", "Identity", "ReverseV2"):
            return False
        tensor = readers[0].outputs[0]
    return False


def _check_objects(objects: Any, path: Path) -> None:
    """Refuses objects that do more than compute, and variables larger than their files."""
    declared = 0
    for node in objects.nodes:
        kind = node.WhichOneof("kind")
        if kind not in NODE_KINDS or node.saveable_objects or node.registered_saver:
            raise InputRefused(
                str(path),
                f"holds a {kind} that does more than compute numbers (a table, a file or a loader"
                " of its own)",
            )
        if kind == "variable" and not node.variable.shape.unknown_rank:
            sides = [max(0, dimension.size) for dimension in node.variable.shape.dim]
            declared += math.prod(sides) * item_size(node.variable.dtype)
    held = variables_size(path)
    if declared > held:
        raise InputRefused(
            str(path), f"its variables declare {declared} bytes, but its files hold {held}"
        )


def _endpoint(graph: Any, path: Path, wrapping: Wrapping) -> Endpoint:
    signatures = graph.signature_def
    name = next((name for name in ENDPOINTS if name in signatures), None)
    if name is None:
        names = ", ".join(sorted(signatures)) or "none"
        raise InputRefused(
            str(path), f"expected a signature {' or '.join(ENDPOINTS)}, found {names}"
        )
    signature = signatures[name]
    input_name = _only_name(signature.inputs, f"{name} to have one input", path)
    shapes = {output: _shape(tensor) for output, tensor in sorted(signature.outputs.items())}
    output_name = scores_output_name(shapes, wrapping, str(path))
    pixels, scores = signature.inputs[input_name], signature.outputs[output_name]
    dtype = tf.dtypes.as_dtype(pixels.dtype)
    if dtype not in (tf.float32, tf.uint8):
        raise InputRefused(str(path), f"expected an input of float32 or uint8, found {dtype.name}")
    return Endpoint(name, input_name, _shape(pixels), dtype, output_name, _shape(scores))


def _only_name(tensors: Any, expected: str, path: Path) -> str:
    """Returns the name of the only tensor of a signature's inputs or outputs."""
    names = sorted(tensors)
    if len(names) != 1:
        shapes = ", ".join(f"{name} {_shape(tensors[name])}" for name in names)
        raise InputRefused(
            str(path), f"expected its signature {expected}, found {len(names)} ({shapes})"
        )
    return str(names[0])


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(
        None if dimension.size < 0 else dimension.size for dimension in tensor.tensor_shape.dim
    )


def _function_of(objects: Any, signature: str, path: Path) -> str:
    """Returns the name of the graph function that the signature runs."""
    children = {child.local_name: child.node_id for child in objects.nodes[0].children}
    signatures = objects.nodes[children.get("signatures", 0)]
    functions = {child.local_name: child.node_id for child in signatures.children}
    node = objects.nodes[functions.get(signature, 0)]
    name: str = node.bare_concrete_function.concrete_function_name
    if not name:
        raise InputRefused(str(path), f"its signature {signature} runs no function")
    return name


@dataclass(frozen=True)
class _LoadedModel:
    """The loaded SavedModel, its serving function and that function's signature."""

    loaded: Any
    function: Any
    endpoint: Endpoint
    classes: int


class _Served(keras.layers.Layer):
    """The signature as a layer. Its config holds live objects, so it can be copied but not saved.

    The layer keeps the loaded SavedModel alive.

    holds_graph: tells that the operators in it have names of their own, by their layers.
    """

    holds_graph = True

    def __init__(self, model: _LoadedModel, name: str = "served") -> None:
        super().__init__(name=name, trainable=False)
        self._model = model

    @property
    def function(self) -> Any:
        """Returns TensorFlow's function of the signature."""
        return self._model.function

    def call(self, pixels: Any) -> Any:
        """Maps float pixels (batch, height, width, channels) to (batch, classes)."""
        endpoint = self._model.endpoint
        if len(endpoint.input_shape) == 3:
            pixels = tf.squeeze(pixels, -1)
        tensors = {endpoint.input: tf.cast(pixels, endpoint.dtype)}
        scores = self._model.function(**tensors)[endpoint.output]
        return tf.ensure_shape(scores, (None, self._model.classes))

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {"model": self._model, "name": self.name}
