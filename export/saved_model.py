"""Opens the SavedModel of someone else's as a Keras model of one layer, after its graph was read and found to compute numbers only."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from export.saved_model_folder import GRAPH, check_saved_model_folder, variables_size
from export.saved_model_graph import check_functions
from export.signature import count_classes, picture_size
from runtime.errors import CheckFailed, InputRefused

ENDPOINTS = ("serving_default", "serve")
"""Signatures that TensorFlow and Keras' `model.export` write."""
NODE_KINDS = frozenset({"user_object", "function", "bare_concrete_function", "constant", "variable"})


class Endpoint(NamedTuple):
    """A signature of the SavedModel: its name, and of input and output the name, shape and dtype."""

    name: str
    input: str
    input_shape: tuple[int | None, ...]
    dtype: tf.DType
    output: str
    output_shape: tuple[int | None, ...]


def open_saved_model(path: Path, input_size: tuple[int, int] | None) -> keras.Model:
    """The SavedModel's serving signature as a Keras model: float pixels (batch, height, width, 3) -> (batch, classes).

    Raises:
        InputRefused: not a SavedModel of TensorFlow 2, not one picture in and one vector out, or it does more than compute numbers.
        CheckFailed: a variable is not a finite number; names it.
    """
    endpoint = check_saved_model(path)
    sides = picture_size(endpoint.input_shape, str(path), input_size)
    classes = count_classes(endpoint.output_shape, str(path))
    if endpoint.input_shape[0] is not None:
        raise InputRefused(str(path), f"takes {endpoint.input_shape[0]} pictures at a time; export it with an open batch dimension")
    try:
        loaded = tf.saved_model.load(str(path))
        served = loaded.signatures[endpoint.name]
    except (tf.errors.OpError, ValueError, KeyError, AttributeError, TypeError, OSError) as error:
        raise InputRefused(str(path), f"TensorFlow cannot load it: {' '.join(str(error).split())[:300]}") from error
    for variable in served.variables:
        if variable.dtype.is_floating and not np.isfinite(variable.numpy()).all():
            raise CheckFailed(str(path), f"variable '{variable.name}' has values that are NaN or infinite")
    pixels = keras.Input((*sides, 3), name="pixels")
    return keras.Model(pixels, _Served(_Kept(loaded, served, endpoint, classes))(pixels), name="saved_model")


def check_saved_model(path: Path) -> Endpoint:
    """Reads the graph without running or loading any of it; returns the signature to serve.

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
            str(path), "expected a SavedModel of TensorFlow 2 with one graph for serving; export it with model.export('FOLDER')"
        )
    graph = graphs[0]
    _check_objects(graph.object_graph_def, path)
    endpoint = _endpoint(graph, path)
    check_functions(graph.graph_def, _function_of(graph.object_graph_def, endpoint.name, path), str(path), (path / GRAPH).stat().st_size)
    return endpoint


def _check_objects(objects: Any, path: Path) -> None:
    declared = 0
    for node in objects.nodes:
        kind = node.WhichOneof("kind")
        if kind not in NODE_KINDS or node.saveable_objects or node.registered_saver:
            raise InputRefused(str(path), f"holds a {kind} that does more than compute numbers (a table, a file or a loader of its own)")
        if kind == "variable":
            shape = node.variable.shape
            declared += 0 if shape.unknown_rank else math.prod(max(0, part.size) for part in shape.dim) * _item_size(node.variable.dtype)
    if declared > variables_size(path):
        raise InputRefused(str(path), f"its variables declare {declared} bytes; its files hold {variables_size(path)}")


def _item_size(dtype: int) -> int:
    return max(1, int(tf.dtypes.as_dtype(dtype).size or 1))


def _endpoint(graph: Any, path: Path) -> Endpoint:
    name = next((name for name in ENDPOINTS if name in graph.signature_def), None)
    if name is None:
        raise InputRefused(
            str(path), f"expected a signature {' or '.join(ENDPOINTS)}, found {', '.join(sorted(graph.signature_def)) or 'none'}"
        )
    signature = graph.signature_def[name]
    for what, tensors in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        if len(tensors) != 1:
            names = ", ".join(f"{key} {_shape(tensors[key])}" for key in sorted(tensors))
            raise InputRefused(str(path), f"its signature {name} has {len(tensors)} {what} ({names}); expected one")
    ((given, pixels),), ((wanted, scores),) = signature.inputs.items(), signature.outputs.items()
    dtype = tf.dtypes.as_dtype(pixels.dtype)
    if dtype not in (tf.float32, tf.uint8):
        raise InputRefused(str(path), f"expected an input of float32 or uint8, found {dtype.name}")
    return Endpoint(name, given, _shape(pixels), dtype, wanted, _shape(scores))


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(None if part.size < 0 else part.size for part in tensor.tensor_shape.dim)


def _function_of(objects: Any, signature: str, path: Path) -> str:
    """The graph function that the signature runs."""
    children = {child.local_name: child.node_id for child in objects.nodes[0].children}
    served = {child.local_name: child.node_id for child in objects.nodes[children.get("signatures", 0)].children}
    found: str = objects.nodes[served.get(signature, 0)].bare_concrete_function.concrete_function_name
    if not found:
        raise InputRefused(str(path), f"its signature {signature} runs no function")
    return found


@dataclass(frozen=True)
class _Kept:
    """What was loaded, its function, and what goes into that and comes out."""

    loaded: Any
    served: Any
    endpoint: Endpoint
    classes: int


class _Served(keras.layers.Layer):
    """The signature as a layer; keeps what was loaded alive. Its config holds live objects: it can be copied, not saved."""

    def __init__(self, kept: "_Kept", name: str = "served") -> None:
        super().__init__(name=name, trainable=False)
        self._kept = kept

    def call(self, pixels: Any) -> Any:
        """Float pixels (batch, height, width, 3) -> (batch, classes)."""
        endpoint = self._kept.endpoint
        scores = self._kept.served(**{endpoint.input: tf.cast(pixels, endpoint.dtype)})[endpoint.output]
        return tf.ensure_shape(scores, (None, self._kept.classes))

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        return {"kept": self._kept, "name": self.name}
