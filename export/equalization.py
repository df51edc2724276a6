"""Cross-layer equalization: the same network in float, with channels of like size between its layers, so that one int8 scale fits all.

Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019,
section 4.1. A channel between two layers may be divided by s > 0 in the first and multiplied by s in the second where what lies
between is linear or ReLU: ReLU(x / s) = ReLU(x) / s. ReLU6 is not so; it becomes a ReLU where it cuts next to nothing. What is added up has
the same channels in all its parts, so these are scaled together.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from export.channels import Channels, find_channels
from export.network import copy_of, fold_batch_norms, measured, per_channel, rebuild

ROUNDS, SETTLED = 20, 1e-3
"""How often all pairs are gone over, as one pair's scales change the next one's ranges; fewer when no log(s) is larger any more."""
MOST_CUT = 1e-3
"""The part of a ReLU6's values above 6, on the calibration pictures, up to which it may become a ReLU."""
SAME_SCORES = 0.01
"""How far a score, 0..1, may move on any calibration picture when ReLU6s become ReLUs."""

Pictures = NDArray[np.uint8]


def equalize(model: keras.Model, calibration: Pictures) -> keras.Model:
    """A flat copy of `model`, BatchNorms folded and layers equalized, with the same float answers.

    `calibration` is (n, height, width, 3) uint8: on it the sizes of channels are measured, and what each ReLU6 cuts.

    Raises:
        InputRefused: a layer of the model is called twice.
    """
    folded = fold_batch_norms(model)
    found = find_channels(folded)
    network = _without_clips(folded, [clip for one in found for clip in one.clips], calibration)
    found = [one for one in found if all(network.get_layer(clip).max_value is None for clip in one.clips)]
    if found:
        largest = [
            ops.max(ops.abs(network.get_layer(name).output), axis=_positions(network, name)) for one in found for name in one.tensors
        ]
        sizes = iter(measured(network, largest, calibration))
        together = [np.max([next(sizes).max(axis=0) for _ in one.tensors], axis=0) for one in found]
        for _ in range(ROUNDS):
            if max(_balance(network, one, size) for one, size in zip(found, together, strict=True)) < SETTLED:
                break
    return network


def _without_clips(model: keras.Model, clips: Sequence[str], calibration: Pictures) -> keras.Model:
    """`model` with a plain ReLU for as many of the ReLU6s `clips` as leave its answers the same, those first that cut least."""
    if not clips:
        return model
    above = [ops.mean(ops.cast(model.get_layer(name).input > 6.0, "float32"), axis=(1, 2, 3)) for name in clips]
    cut = {name: float(one.mean()) for name, one in zip(clips, measured(model, above, calibration), strict=True)}
    opened = sorted((name for name in clips if cut[name] <= MOST_CUT), key=lambda name: cut[name])
    (expected,) = measured(model, [model.output], calibration)
    while opened:
        changed = _opened(model, opened)
        (found,) = measured(changed, [changed.output], calibration)
        if np.abs(found - expected).max() <= SAME_SCORES:
            return changed
        opened = opened[: len(opened) // 2]
    return model


def _opened(model: keras.Model, names: Sequence[str]) -> keras.Model:
    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        return layers.ReLU(name=operation.name)(*tensors) if operation.name in names else copy_of(operation, *tensors, **arguments)

    return rebuild(model, call)


def _positions(model: keras.Model, layer: str) -> tuple[int, ...]:
    """The axes of a layer's output between the pictures and the channels."""
    return tuple(range(1, len(model.get_layer(layer).output.shape) - 1))


def _balance(model: keras.Model, channels: Channels, size: NDArray[np.float32]) -> float:
    """Scales the channels by the paper's equation 11, s = sqrt(r1 / r2); returns the largest |log s|.

    r2 is the range of a channel's weights in the layers that read it. r1 is there that of its weights in the layer before; here it is
    `size`, the range of its activations, which is updated: weights have a scale for each output channel anyhow, activations have one for
    all.
    """
    weights = np.max([np.abs(_incoming(model.get_layer(name), len(size))).max(axis=(0, 2)) for name in channels.readers], axis=0)
    usable = (size > 0) & (weights > 0)
    s = np.ones_like(size)
    s[usable] = np.sqrt(size[usable] / weights[usable])
    for layer in map(model.get_layer, channels.makers):
        kernel, *bias = layer.get_weights()
        layer.set_weights([(per_channel(layer, kernel) / s).reshape(kernel.shape), *(one / s for one in bias)])
    for layer in map(model.get_layer, channels.readers):
        kernel, *bias = layer.get_weights()
        layer.set_weights([(_incoming(layer, len(size)) * s[:, np.newaxis]).reshape(kernel.shape), *bias])
    size /= s
    return float(np.abs(np.log(s)).max())


def _incoming(layer: Any, channels: int) -> NDArray[np.float32]:
    """The kernel as (positions, input channels, outputs)."""
    kernel: NDArray[np.float32] = layer.get_weights()[0]
    return kernel.reshape(-1, channels, kernel.shape[-1])
