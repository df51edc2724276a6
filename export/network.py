"""A flat Keras model taken apart: its BatchNorms folded, its operations with what they read, and put together again changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from export.at_once import pictures_at_once
from runtime.errors import InputRefused

Call = Callable[..., Any]
"""(operation, *tensors, **arguments) -> the tensor that takes the place of what `operation` gave."""

BATCH = 16
"""Pictures at a time: whole feature maps of a network are large."""

WITH_KERNEL = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)


@dataclass(frozen=True)
class Step:
    """An operation of a flat model, the operations whose outputs it reads, and those that read its output."""

    operation: Any
    sources: tuple[Any, ...]
    readers: tuple[Any, ...]


def rebuild(model: keras.Model, call: Call) -> keras.Model:
    """A new model in which each operation of the flat `model` is what `call` makes of it; `copy_of` keeps one as it is.

    Raises:
        InputRefused: a layer of it is called twice.
    """
    inputs = keras.Input(model.input_shape[1:], name="pixels")
    try:
        return keras.Model(inputs, model._run_through_graph(inputs, call_fn=call), name=model.name)  # as keras.models.clone_model does it
    except ValueError as error:
        raise InputRefused("model", f"cannot be taken apart: {' '.join(str(error).split())[:200]}") from error


def copy_of(operation: Any, *tensors: Any, **arguments: Any) -> Any:
    """The output of a copy of `operation`, weights included, on other tensors."""
    new = type(operation).from_config(operation.get_config())
    output = new(*tensors, **arguments)
    if isinstance(new, layers.Layer):
        new.set_weights(operation.get_weights())
    return output


def steps(model: keras.Model) -> list[Step]:
    """The operations of a flat model in the order they run, its inputs left out."""
    operations = [one for one in model.operations if not isinstance(one, layers.InputLayer)]
    maker = {id(one.output): one for one in operations}
    sources = {one.name: tuple(maker[id(tensor)] for tensor in _inputs(one) if id(tensor) in maker) for one in operations}
    readers: dict[str, list[Any]] = {one.name: [] for one in operations}
    for one in operations:
        for source in sources[one.name]:
            readers[source.name].append(one)
    return [Step(one, sources[one.name], tuple(readers[one.name])) for one in operations]


def fold_batch_norms(model: keras.Model) -> keras.Model:
    """A copy of the flat `model` that gives the same answers, each BatchNorm behind a convolution or Dense layer folded into its weights.

    w' = w * gamma / sqrt(variance + epsilon), b' = beta + (b - mean) * gamma / sqrt(variance + epsilon), as inference computes it.
    """
    flat = rebuild(model, copy_of)
    norms = {step.operation.name: step.readers[0] for step in steps(flat) if _foldable(step)}
    gone = {norm.name for norm in norms.values()}

    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        if operation.name in gone:
            return tensors[0]
        if operation.name not in norms:
            return copy_of(operation, *tensors, **arguments)
        folded = type(operation).from_config({**operation.get_config(), "use_bias": True})
        output = folded(*tensors, **arguments)
        folded.set_weights(_folded_weights(operation, norms[operation.name]))
        return output

    return rebuild(flat, call)


def measured(model: keras.Model, outputs: Sequence[Any], pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """What each of `outputs`, tensors of `model`, is for each picture, (n, ...); `pixels` is (n, height, width, 3) uint8 RGB."""
    part = keras.Model(model.input, list(outputs))

    def batches() -> Iterator[list[NDArray[np.float32]]]:
        step = pictures_at_once(part, BATCH)
        for start in range(0, len(pixels), step):
            found = part.predict_on_batch(pixels[start : start + step].astype(np.float32))
            yield [np.asarray(one) for one in (found if isinstance(found, list) else [found])]

    return [np.concatenate(one) for one in zip(*batches(), strict=True)]


def per_channel(layer: Any, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A view of the kernel with the output channels last: (..., channels); a depthwise one has (height, width, in, multiplier)."""
    return kernel.reshape(*kernel.shape[:2], -1) if isinstance(layer, layers.DepthwiseConv2D) else kernel


def _foldable(step: Step) -> bool:
    layer = step.operation
    if type(layer) not in WITH_KERNEL or layer.activation is not keras.activations.linear or len(step.readers) != 1:
        return False
    norm = step.readers[0]
    return isinstance(norm, layers.BatchNormalization) and norm.axis in (-1, len(layer.output.shape) - 1)


def _folded_weights(layer: Any, norm: layers.BatchNormalization) -> list[NDArray[np.float32]]:
    kernel, *bias = layer.get_weights()
    mean, variance = np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)
    gain = (np.asarray(norm.gamma) if norm.scale else 1.0) / np.sqrt(variance + norm.epsilon)
    shift = (np.asarray(norm.beta) if norm.center else 0.0) + ((bias[0] if bias else 0.0) - mean) * gain
    return [(per_channel(layer, kernel) * gain).reshape(kernel.shape).astype(np.float32), shift.astype(np.float32)]


def _inputs(operation: Any) -> Sequence[Any]:
    found = operation.input
    return found if isinstance(found, list | tuple) else [found]
