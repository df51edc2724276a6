"""Looks into a Keras model while it runs.

It measures the range of each layer's output, and computes scores for a choice of ranges.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

BATCH = 8
FUSED = (keras.layers.BatchNormalization, keras.layers.Activation, keras.layers.ReLU)
"""Layers that converters merge into the layer before them, whose own range is then not stored."""


class _Call(NamedTuple):
    """Records one call of a layer: the ids of its input tensors, and its output."""

    layer: Any
    input_ids: list[int]
    output: tf.Tensor


Visit = Callable[[_Call], tf.Tensor]
"""Returns the output that the layers after a call get."""


@dataclass(frozen=True)
class ActivationRanges:
    """Holds the smallest and the largest value of each layer's output on each image.

    layers: names of the layers whose output stays a separate tensor in a converted model, without
        the last one, whose range is always 0..1.
    calls: the number of the call of each of these layers.
    low, high: (images, layers) float32.
    """

    layers: tuple[str, ...]
    calls: tuple[int, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def activation_ranges(model: keras.Model, pixels: NDArray[np.uint8]) -> ActivationRanges:
    """Runs images, (n, height, width, channels) uint8, through `model`; keeps only the extremes."""
    layers: list[str] = []
    calls: list[int] = []

    def extremes(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        run: list[_Call] = []

        def keep(call: _Call) -> tf.Tensor:
            run.append(call)
            return call.output

        _run(model, batch, keep)
        calls[:] = [number for number, call in enumerate(run[:-1]) if not _is_fused(call, run)]
        layers[:] = [run[number].layer.name for number in calls]
        if not calls:
            return tf.zeros((tf.shape(batch)[0], 0)), tf.zeros((tf.shape(batch)[0], 0))
        outputs = [tf.reshape(run[number].output, (tf.shape(batch)[0], -1)) for number in calls]
        low = tf.stack([tf.reduce_min(output, 1) for output in outputs], 1)
        return low, tf.stack([tf.reduce_max(output, 1) for output in outputs], 1)

    low, high = zip(*_in_batches(_traced(model, extremes), pixels), strict=True)
    return ActivationRanges(tuple(layers), tuple(calls), np.concatenate(low), np.concatenate(high))


def scores_with_ranges(
    model: keras.Model,
    pixels: NDArray[np.uint8],
    calls: tuple[int, ...],
    ranges: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> list[NDArray[np.float32]]:
    """Returns (n, classes) scores for each pair (low, high) of `ranges`, both (layers,).

    The activations of the layer calls `calls` have 8 bits over these ranges; weights are in float.
    """

    def scores(batch: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
        number = -1

        def quantize(call: _Call) -> tf.Tensor:
            nonlocal number
            number += 1
            if number not in calls:
                return call.output
            index = calls.index(number)
            return tf.quantization.fake_quant_with_min_max_vars(
                call.output, low[index], high[index]
            )

        return _run(model, batch, quantize)

    traced = _traced(model, scores, *[tf.TensorSpec((len(calls),), tf.float32)] * 2)
    return [
        np.concatenate(list(_in_batches(partial(traced, low=low, high=high), pixels)))
        for low, high in ranges
    ]


def _traced(model: keras.Model, function: Callable[..., Any], *more: tf.TensorSpec) -> Any:
    """Returns a graph of `function`, which takes any number of uint8 images, and `more`."""
    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    return tf.function(function, input_signature=(images, *more), autograph=False)


def _run(model: keras.Model, batch: tf.Tensor, visit: Visit) -> tf.Tensor:
    """Returns the flat model's scores of a batch of uint8 pixels, with `visit` after each layer."""

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        input_ids = [id(value) for value in tf.nest.flatten(inputs)]
        return visit(_Call(layer, input_ids, layer(*inputs, **options)))

    return model._run_through_graph(
        tf.cast(batch, tf.float32), operation_fn=lambda operation: operation, call_fn=call
    )


def _is_fused(call: _Call, run: list[_Call]) -> bool:
    readers = [later.layer for later in run if id(call.output) in later.input_ids]
    return bool(readers) and all(isinstance(layer, FUSED) for layer in readers)


def _in_batches(run: Callable[[tf.Tensor], Any], pixels: NDArray[np.uint8]) -> Iterator[Any]:
    for start in range(0, len(pixels), BATCH):
        yield tf.nest.map_structure(np.asarray, run(tf.constant(pixels[start : start + BATCH])))
