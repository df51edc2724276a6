"""Scales the channels between layers to similar sizes, so that one int8 scale fits all of them.

The network's float outputs stay the same. Two layers with a linear function or a ReLU between them
can share a factor s > 0, because ReLU(x / s) = ReLU(x) / s. This is not true of ReLU6, which
becomes a ReLU if it cuts almost nothing.

Source: Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization
and Bias Correction", ICCV 2019, section 4.1.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from export.graph.surgery import copy_of, fold_batch_norms, per_channel, rebuild, tensor_values
from export.quantization.channel_groups import ChannelGroup, find_channel_groups

MAX_ROUNDS = 20
"""Rounds over all groups, as the scales of one group change the ranges of the next."""
SETTLED = 1e-3
"""The rounds end early when no log(s) is larger than this."""
MAX_CUT = 1e-3
"""A ReLU6 may become a ReLU if at most this part of its values on the calibration images is above
6."""
SAME_SCORES = 0.01
"""How far a score, 0..1, may move on any calibration image when ReLU6s become ReLUs."""

Images = NDArray[np.uint8]


def equalize(model: keras.Model, calibration: Images) -> keras.Model:
    """Returns a flat, equalized copy of `model` without BatchNorms and with the same float outputs.

    `calibration`, (n, height, width, 3) uint8, gives the sizes of channels and what each ReLU6
    cuts.

    Raises:
        InputRefused: the model calls a layer twice.
    """
    folded = fold_batch_norms(model)
    groups = find_channel_groups(folded)
    clips = [clip for group in groups for clip in group.clips]
    network = _without_clips(folded, clips, calibration)
    groups = [
        group
        for group in groups
        if all(network.get_layer(clip).max_value is None for clip in group.clips)
    ]
    if not groups:
        return network
    sizes = _channel_sizes(network, groups, calibration)
    for _ in range(MAX_ROUNDS):
        changes = [
            _balance(network, group, size) for group, size in zip(groups, sizes, strict=True)
        ]
        if max(changes) < SETTLED:
            break
    return network


def _channel_sizes(
    network: keras.Model, groups: Sequence[ChannelGroup], calibration: Images
) -> list[NDArray[np.float32]]:
    """Returns the largest absolute value of each channel of each group, (channels,) each."""
    largest = [
        ops.max(ops.abs(network.get_layer(name).output), axis=_position_axes(network, name))
        for group in groups
        for name in group.tensors
    ]
    values = iter(tensor_values(network, largest, calibration))
    return [np.max([next(values).max(axis=0) for _ in group.tensors], axis=0) for group in groups]


def _position_axes(model: keras.Model, layer: str) -> tuple[int, ...]:
    """Returns the axes of a layer's output between the batch axis and the channel axis."""
    return tuple(range(1, len(model.get_layer(layer).output.shape) - 1))


def _without_clips(model: keras.Model, clips: Sequence[str], calibration: Images) -> keras.Model:
    """Returns `model` with a plain ReLU for each of the ReLU6s `clips` that can become one.

    It starts with all that cut little enough and drops the half that cuts more until the scores
    stay the same.
    """
    if not clips:
        return model
    above = [
        ops.mean(ops.cast(model.get_layer(name).input > 6.0, "float32"), axis=(1, 2, 3))
        for name in clips
    ]
    cuts = [float(values.mean()) for values in tensor_values(model, above, calibration)]
    cut = dict(zip(clips, cuts, strict=True))
    replaced = sorted((name for name in clips if cut[name] <= MAX_CUT), key=lambda name: cut[name])
    (expected,) = tensor_values(model, [model.output], calibration)
    while replaced:
        changed = _with_relus(model, replaced)
        (scores,) = tensor_values(changed, [changed.output], calibration)
        if np.abs(scores - expected).max() <= SAME_SCORES:
            return changed
        replaced = replaced[: len(replaced) // 2]
    return model


def _with_relus(model: keras.Model, names: Sequence[str]) -> keras.Model:
    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        if operation.name in names:
            return layers.ReLU(name=operation.name)(*tensors)
        return copy_of(operation, *tensors, **arguments)

    return rebuild(model, call)


def _balance(model: keras.Model, group: ChannelGroup, size: NDArray[np.float32]) -> float:
    """Scales the channels by the paper's equation 11, s = sqrt(r1 / r2), and returns max |log s|.

    r2 is the range of a channel's weights in the layers that read it. In the paper, r1 is the range
    of its weights in the layer before. Here r1 is `size`, the range of its activations, which this
    updates: weights have a scale for each output channel anyway, activations have one for all.
    """
    readers = [model.get_layer(name) for name in group.readers]
    weights = np.max(
        [np.abs(_incoming_kernel(layer, len(size))).max(axis=(0, 2)) for layer in readers], axis=0
    )
    usable = (size > 0) & (weights > 0)
    s = np.ones_like(size)
    s[usable] = np.sqrt(size[usable] / weights[usable])
    for layer in map(model.get_layer, group.makers):
        kernel, *biases = layer.get_weights()
        scaled = (per_channel(layer, kernel) / s).reshape(kernel.shape)
        layer.set_weights([scaled, *(bias / s for bias in biases)])
    for layer in readers:
        kernel, *biases = layer.get_weights()
        scaled = (_incoming_kernel(layer, len(size)) * s[:, np.newaxis]).reshape(kernel.shape)
        layer.set_weights([scaled, *biases])
    size /= s
    return float(np.abs(np.log(s)).max())


def _incoming_kernel(layer: Any, channels: int) -> NDArray[np.float32]:
    """Returns the kernel as (positions, input channels, outputs)."""
    kernel: NDArray[np.float32] = layer.get_weights()[0]
    return kernel.reshape(-1, channels, kernel.shape[-1])
