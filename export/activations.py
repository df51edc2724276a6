"""Looks into the Keras model while it runs: the range of each layer's output, and what the model would answer with given ranges."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

BATCH = 8
FUSED = (keras.layers.BatchNormalization, keras.layers.Activation, keras.layers.ReLU)
"""What converters merge into the layer before: of that one no range is stored."""

Visit = Callable[[Any, list[int], tf.Tensor], tf.Tensor]
"""(layer, ids of its input tensors, its output) -> the output that the layers after it get."""


@dataclass(frozen=True)
class ActivationRanges:
    """Smallest and largest value of each layer's output on each picture: `low` and `high` are (pictures, layers) float32.

    layers: names of those whose output stays a tensor of its own in a converted model, without the last, whose range is fixed, 0..1.
    calls: which calls of a layer they are.
    """

    layers: tuple[str, ...]
    calls: tuple[int, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def activation_ranges(model: keras.Model, pixels: NDArray[np.uint8]) -> ActivationRanges:
    """Runs (n, height, width, 3) uint8 RGB pictures through `model`, a few at a time, and keeps only the extremes."""
    layers: list[str] = []
    calls: list[int] = []

    def extremes(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seen: list[tuple[Any, list[int], tf.Tensor]] = []

        def keep(layer: Any, inputs: list[int], output: tf.Tensor) -> tf.Tensor:
            seen.append((layer, inputs, output))
            return output

        _run(model, batch, keep)
        calls[:] = [number for number, (_, _, output) in enumerate(seen[:-1]) if not _is_fused(output, seen)]
        layers[:] = [seen[number][0].name for number in calls]
        if not calls:
            return tf.zeros((len(batch), 0)), tf.zeros((len(batch), 0))
        flat = [tf.reshape(seen[number][2], (tf.shape(batch)[0], -1)) for number in calls]
        return tf.stack([tf.reduce_min(one, 1) for one in flat], 1), tf.stack([tf.reduce_max(one, 1) for one in flat], 1)

    low, high = zip(*_in_batches(tf.function(extremes), pixels), strict=True)
    return ActivationRanges(tuple(layers), tuple(calls), np.concatenate(low), np.concatenate(high))


def scores_with_ranges(
    model: keras.Model, pixels: NDArray[np.uint8], calls: tuple[int, ...], ranges: list[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> list[NDArray[np.float32]]:
    """(n, classes) scores for each (low, high) of `ranges`, both (layers,): activations in 8 bits over these ranges, weights in float."""

    def answer(batch: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
        number = -1

        def quantize(layer: Any, inputs: list[int], output: tf.Tensor) -> tf.Tensor:
            nonlocal number
            number += 1
            if number not in calls:
                return output
            at = calls.index(number)
            return tf.quantization.fake_quant_with_min_max_vars(output, low[at], high[at])

        return _run(model, batch, quantize)

    traced = tf.function(answer)
    return [np.concatenate(list(_in_batches(partial(traced, low=low, high=high), pixels))) for low, high in ranges]


def _run(model: keras.Model, batch: tf.Tensor, visit: Visit) -> tf.Tensor:
    """The flat model's answer to a batch of uint8 pixels, each layer's output passed through `visit`."""

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        return visit(layer, [id(value) for value in tf.nest.flatten(inputs)], layer(*inputs, **options))

    return model._run_through_graph(tf.cast(batch, tf.float32), operation_fn=lambda operation: operation, call_fn=call)


def _is_fused(output: tf.Tensor, seen: list[tuple[Any, list[int], tf.Tensor]]) -> bool:
    consumers = [layer for layer, inputs, _ in seen if id(output) in inputs]
    return bool(consumers) and all(isinstance(layer, FUSED) for layer in consumers)


def _in_batches(run: Callable[[tf.Tensor], Any], pixels: NDArray[np.uint8]) -> Iterator[Any]:
    for start in range(0, len(pixels), BATCH):
        yield tf.nest.map_structure(_as_array, run(tf.constant(pixels[start : start + BATCH])))


def _as_array(tensor: tf.Tensor) -> NDArray[Any]:
    return np.asarray(tensor)
