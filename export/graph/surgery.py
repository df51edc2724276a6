"""Takes a flat Keras model apart and puts it together again with some operations changed.

It also lists the operations as a graph, folds BatchNorms and computes intermediate tensors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from export.graph.batch_size import safe_batch_size
from runtime.errors import InputRefused

Call = Callable[..., Any]
"""(operation, *tensors, **arguments) -> the tensor that replaces the output of `operation`."""

BATCH = 16
"""Images at a time, as the feature maps of a network are large."""

WITH_KERNEL = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)


@dataclass(frozen=True)
class GraphNode:
    """Holds an operation of a flat model and its neighbours.

    sources: the operations whose outputs it reads.
    readers: the operations that read its output.
    """

    operation: Any
    sources: tuple[Any, ...]
    readers: tuple[Any, ...]


def rebuild(model: keras.Model, call: Call) -> keras.Model:
    """Returns a new model in which `call` replaces each operation of the flat `model`.

    A `call` that returns `copy_of(...)` keeps the operation as it is.

    Raises:
        InputRefused: the model calls a layer twice.
    """
    inputs = keras.Input(model.input_shape[1:], name="pixels")
    try:
        outputs = model._run_through_graph(inputs, call_fn=call)  # as keras.models.clone_model
        return keras.Model(inputs, outputs, name=model.name)
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        raise InputRefused("model", f"cannot be taken apart: {reason}") from error


def copy_of(operation: Any, *tensors: Any, **arguments: Any) -> Any:
    """Returns the output for `tensors` of a copy of `operation` with the same weights."""
    new = type(operation).from_config(operation.get_config())
    output = new(*tensors, **arguments)
    if isinstance(new, layers.Layer):
        new.set_weights(operation.get_weights())
    return output


def graph_nodes(model: keras.Model) -> list[GraphNode]:
    """Returns the operations of a flat model, without its inputs, in the order they run."""
    operations = [
        operation for operation in model.operations if not isinstance(operation, layers.InputLayer)
    ]
    maker_of = {id(operation.output): operation for operation in operations}
    sources: dict[str, tuple[Any, ...]] = {}
    readers: dict[str, list[Any]] = {operation.name: [] for operation in operations}
    for operation in operations:
        sources[operation.name] = tuple(
            maker_of[id(tensor)] for tensor in _inputs(operation) if id(tensor) in maker_of
        )
        for source in sources[operation.name]:
            readers[source.name].append(operation)
    return [
        GraphNode(operation, sources[operation.name], tuple(readers[operation.name]))
        for operation in operations
    ]


def fold_batch_norms(model: keras.Model) -> keras.Model:
    """Returns a copy of the flat `model` whose BatchNorms are part of the weights before them.

    It folds each BatchNorm that follows a convolution or a Dense layer, as inference computes it:
    w' = w * gamma / sqrt(variance + epsilon), b' = beta + (b - mean) * gamma / sqrt(variance +
    epsilon). The outputs stay the same.
    """
    flat = rebuild(model, copy_of)
    norms = {node.operation.name: node.readers[0] for node in graph_nodes(flat) if _can_fold(node)}
    folded_norms = {norm.name for norm in norms.values()}

    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        if operation.name in folded_norms:
            return tensors[0]
        if operation.name not in norms:
            return copy_of(operation, *tensors, **arguments)
        folded = type(operation).from_config({**operation.get_config(), "use_bias": True})
        output = folded(*tensors, **arguments)
        folded.set_weights(_folded_weights(operation, norms[operation.name]))
        return output

    return rebuild(flat, call)


def tensor_values(
    model: keras.Model, tensors: Sequence[Any], pixels: NDArray[np.uint8]
) -> list[NDArray[np.float32]]:
    """Returns the values, (n, ...), of each of some `tensors` of `model` for n images.

    `pixels` are the images, (n, height, width, channels) uint8.
    """
    part = keras.Model(model.input, list(tensors))
    step = safe_batch_size(part, BATCH)
    batches: list[list[NDArray[np.float32]]] = [[] for _ in tensors]
    for start in range(0, len(pixels), step):
        outputs = part.predict_on_batch(pixels[start : start + step].astype(np.float32))
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for values, output in zip(batches, outputs, strict=True):
            values.append(np.asarray(output))
    return [np.concatenate(values) for values in batches]


def per_channel(layer: Any, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a view of the kernel with the output channels last: (..., channels).

    The kernel of a depthwise layer is (height, width, in, multiplier).
    """
    if isinstance(layer, layers.DepthwiseConv2D):
        return kernel.reshape(*kernel.shape[:2], -1)
    return kernel


def _can_fold(node: GraphNode) -> bool:
    """Checks that a BatchNorm is the only reader of a linear layer with a kernel."""
    layer = node.operation
    if type(layer) not in WITH_KERNEL or layer.activation is not keras.activations.linear:
        return False
    if len(node.readers) != 1 or not isinstance(node.readers[0], layers.BatchNormalization):
        return False
    return node.readers[0].axis in (-1, len(layer.output.shape) - 1)


def _folded_weights(layer: Any, norm: layers.BatchNormalization) -> list[NDArray[np.float32]]:
    kernel, *biases = layer.get_weights()
    bias = biases[0] if biases else 0.0
    gamma = np.asarray(norm.gamma) if norm.scale else 1.0
    beta = np.asarray(norm.beta) if norm.center else 0.0
    mean, variance = np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)
    gain = gamma / np.sqrt(variance + norm.epsilon)
    folded_kernel = (per_channel(layer, kernel) * gain).reshape(kernel.shape)
    folded_bias = beta + (bias - mean) * gain
    return [folded_kernel.astype(np.float32), folded_bias.astype(np.float32)]


def _inputs(operation: Any) -> Sequence[Any]:
    inputs = operation.input
    return inputs if isinstance(inputs, list | tuple) else [inputs]
