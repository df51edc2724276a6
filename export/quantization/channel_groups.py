"""Finds the channels of a flat Keras model that can be scaled without a change of its outputs.

The outputs stay the same if the layers that make a channel divide it by s > 0, the layers that read
it multiply it by s, and all operations between them give f(s * x) = s * f(x). The parts of a sum
have the same channels, so they belong to one group.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

from export.graph.surgery import WITH_KERNEL, GraphNode, graph_nodes

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
"""Layers that give s * y for s * x, in each channel separately."""


@dataclass(frozen=True)
class ChannelGroup:
    """Lists, by name, the layers that share their channels.

    makers, readers: have a kernel, and write or read the channels.
    tensors: have an output that a converted model stores.
    clips: are ReLU6s, which must become ReLUs before anything can be scaled.
    """

    makers: tuple[str, ...]
    readers: tuple[str, ...]
    tensors: tuple[str, ...]
    clips: tuple[str, ...]


def find_channel_groups(model: keras.Model) -> list[ChannelGroup]:
    """Returns the groups that can be scaled, in the order they run; `model` has no BatchNorms."""
    group_of: dict[str, _Group] = {}
    for node in graph_nodes(model):
        group_of[node.operation.name] = _add_to_group(node, group_of)
    group_of[model.operations[-1].name].fixed = True
    groups = {id(group): group for group in group_of.values()}.values()
    return [
        ChannelGroup(
            tuple(group.makers), tuple(group.readers), tuple(group.tensors), tuple(group.clips)
        )
        for group in groups
        if _can_be_scaled(model, group)
    ]


@dataclass
class _Group:
    """Collects a ChannelGroup. fixed: something uses the channels that scaling would change."""

    makers: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)
    tensors: list[str] = field(default_factory=list)
    clips: list[str] = field(default_factory=list)
    fixed: bool = False


def _can_be_scaled(model: keras.Model, group: _Group) -> bool:
    if group.fixed or not group.makers or not group.readers:
        return False
    channels = {model.get_layer(name).output.shape[-1] for name in group.tensors}
    return len(channels) == 1


def _add_to_group(node: GraphNode, group_of: dict[str, _Group]) -> _Group:
    """Returns the group of the node's output, and notes the node in the groups of its inputs."""
    operation = node.operation
    inputs = [group_of[source.name] for source in node.sources]
    if type(operation) in WITH_KERNEL:
        for group in inputs:
            group.readers.append(operation.name)
            group.fixed |= getattr(operation, "groups", 1) > 1
        output = _Group(makers=[operation.name], fixed=not _is_homogeneous(operation))
    elif inputs and _keeps_channels(node):
        output = _merged(inputs, group_of)
        if _is_clip(operation):
            output.clips.append(operation.name)
    else:
        for group in inputs:
            group.fixed = True
        output = _Group(fixed=True)
    if _is_stored(node):
        output.tensors.append(operation.name)
    return output


def _keeps_channels(node: GraphNode) -> bool:
    operation = node.operation
    if isinstance(operation, layers.Add):
        shapes = {source.output.shape for source in node.sources}
        return len(shapes) == 1 and len(node.sources) == len(operation.input)
    if isinstance(operation, layers.ReLU | layers.Activation):
        return _is_homogeneous(operation) or _is_clip(operation)
    return isinstance(operation, CHANNELWISE)


def _is_stored(node: GraphNode) -> bool:
    """Checks if a converted model keeps the tensor; layers with an activation are merged."""
    if isinstance(node.operation, CHANNELWISE):
        return False
    if len(node.readers) != 1:
        return True
    return not isinstance(node.readers[0], layers.ReLU | layers.Activation)


def _is_clip(operation: Any) -> bool:
    return (
        isinstance(operation, layers.ReLU)
        and operation.max_value == 6.0
        and not operation.negative_slope
        and not operation.threshold
    )


def _is_homogeneous(operation: Any) -> bool:
    """Checks if f(s * x) = s * f(x) for s > 0, where f is the operation's activation."""
    if isinstance(operation, layers.ReLU):
        return operation.max_value is None and not operation.threshold
    activation = getattr(operation, "activation", None)
    return activation in (keras.activations.linear, keras.activations.relu)


def _merged(inputs: Iterable[_Group], group_of: dict[str, _Group]) -> _Group:
    """Merges `inputs` into the group among them that runs first, and returns it."""
    ids = {id(group) for group in inputs}
    first, *others = {id(group): group for group in group_of.values() if id(group) in ids}.values()
    for other in others:
        first.makers += other.makers
        first.readers += other.readers
        first.tensors += other.tensors
        first.clips += other.clips
        first.fixed |= other.fixed
        for name, group in group_of.items():
            if group is other:
                group_of[name] = first
    return first
