"""Cross-layer equalization: the same network in float, with channels of like size between its layers, so that one int8 scale fits all.

Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019,
section 4.1. A channel between two layers may be divided by s > 0 in the first and multiplied by s in the second where what lies
between is linear or ReLU: ReLU(x / s) = ReLU(x) / s. ReLU6 is not so; it becomes a ReLU where it cuts next to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from export.network import WITH_KERNEL, Step, copy_of, fold_batch_norms, measured, per_channel, rebuild, steps

ROUNDS, SETTLED = 20, 1e-3
"""How often all pairs are gone over, as one pair's scales change the next one's ranges; fewer when no log(s) is larger any more."""
MOST_CUT = 1e-3
"""The part of a ReLU6's values above 6, on the calibration pictures, up to which it may become a ReLU."""
SAME_SCORES = 0.01
"""How far a score, 0..1, may move on any calibration picture when ReLU6s become ReLUs."""

Pictures = NDArray[np.uint8]

CHANNELWISE = (
    layers.AveragePooling2D,
    layers.Dropout,
    layers.Flatten,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.Identity,
    layers.MaxPooling2D,
    layers.ZeroPadding2D,
)
"""Layers that give s * y for s * x, in each channel by itself."""


@dataclass(frozen=True)
class Pair:
    """Two layers with a kernel, one behind the other. `active` gives the first one's activations; `clip` is it, if it is a ReLU6."""

    first: str
    second: str
    active: str
    clip: str | None


def equalize(model: keras.Model, calibration: Pictures) -> keras.Model:
    """A flat copy of `model`, BatchNorms folded and layers equalized, with the same float answers.

    `calibration` is (n, height, width, 3) uint8: on it the sizes of channels are measured, and what each ReLU6 cuts.

    Raises:
        InputRefused: a layer of the model is called twice.
    """
    folded = fold_batch_norms(model)
    pairs = find_pairs(folded)
    network = _without_clips(folded, [pair.clip for pair in pairs if pair.clip], calibration)
    pairs = [pair for pair in pairs if pair.clip is None or network.get_layer(pair.clip).max_value is None]
    if pairs:
        active = [ops.max(ops.abs(network.get_layer(pair.active).output), axis=_positions(network, pair)) for pair in pairs]
        sizes = [one.max(axis=0) for one in measured(network, active, calibration)]
        for _ in range(ROUNDS):
            if max(_balance(network, pair, size) for pair, size in zip(pairs, sizes, strict=True)) < SETTLED:
                break
    return network


def find_pairs(model: keras.Model) -> list[Pair]:
    """The pairs of a flat model without BatchNorms whose channels in between may be scaled, in the order they run."""
    found = {step.operation.name: step for step in steps(model)}
    pairs = (_pair_from(step, found) for step in found.values() if type(step.operation) in WITH_KERNEL)
    return [pair for pair in pairs if pair]


def _pair_from(first: Step, found: Mapping[str, Step]) -> Pair | None:
    """Follows the only reader of each output from `first` to the next layer with a kernel."""
    active, clip, step = first.operation.name, None, first
    if not _homogeneous(first.operation):
        return None
    while len(step.readers) == 1:
        step = found[step.readers[0].name]
        operation = step.operation
        if type(operation) in WITH_KERNEL:
            grouped = getattr(operation, "groups", 1) > 1
            return None if grouped else Pair(first.operation.name, operation.name, active, clip)
        if isinstance(operation, layers.ReLU) and operation.max_value == 6.0 and not operation.negative_slope and clip is None:
            active = clip = operation.name
        elif isinstance(operation, layers.ReLU | layers.Activation) and _homogeneous(operation) and clip is None:
            active = operation.name
        elif not isinstance(operation, CHANNELWISE):
            return None
    return None


def _homogeneous(operation: Any) -> bool:
    """Whether f(s * x) = s * f(x) for s > 0, f being the operation's activation."""
    if isinstance(operation, layers.ReLU):
        return operation.max_value is None and not operation.threshold
    return getattr(operation, "activation", None) in (keras.activations.linear, keras.activations.relu)


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


def _positions(model: keras.Model, pair: Pair) -> tuple[int, ...]:
    """The axes of the pair's activations between the pictures and the channels."""
    return tuple(range(1, len(model.get_layer(pair.active).output.shape) - 1))


def _balance(model: keras.Model, pair: Pair, size: NDArray[np.float32]) -> float:
    """Scales the pair's channels by the paper's equation 11, s = sqrt(r1 / r2); returns the largest |log s|.

    r2 is the range of a channel's weights in the second layer. r1 is there that of its weights in the first; here it is `size`, the
    range of its activations, which is updated: weights have a scale for each output channel anyhow, activations have one for all.
    """
    first, second = model.get_layer(pair.first), model.get_layer(pair.second)
    kernel, *bias = first.get_weights()
    after, *rest = second.get_weights()
    incoming = after.reshape(-1, len(size), after.shape[-1])
    weights = np.abs(incoming).max(axis=(0, 2))
    usable = (size > 0) & (weights > 0)
    s = np.ones_like(size)
    s[usable] = np.sqrt(size[usable] / weights[usable])
    first.set_weights([(per_channel(first, kernel) / s).reshape(kernel.shape), *(one / s for one in bias)])
    second.set_weights([(incoming * s[:, np.newaxis]).reshape(after.shape), *rest])
    size /= s
    return float(np.abs(np.log(s)).max())
