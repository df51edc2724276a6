"""Which tensors of a flat model share their channels, so that one of them may be scaled in all: from the layers that make them to those
that read them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

from export.network import WITH_KERNEL, Step, steps

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
class Channels:
    """Layers by name: `makers` and `readers` have a kernel; `tensors` are those whose outputs a converted model stores, `clips` the ReLU6s
    that must become ReLUs before anything may be scaled."""

    makers: tuple[str, ...]
    readers: tuple[str, ...]
    tensors: tuple[str, ...]
    clips: tuple[str, ...]


def find_channels(model: keras.Model) -> list[Channels]:
    """Those of a flat model without BatchNorms that may be scaled, in the order they run."""
    groups: dict[str, _Group] = {}
    for step in steps(model):
        groups[step.operation.name] = _group_of(step, groups)
    groups[model.operations[-1].name].fixed = True
    found = {id(group): group for group in groups.values()}.values()
    return [
        Channels(tuple(one.makers), tuple(one.readers), tuple(one.tensors), tuple(one.clips))
        for one in found
        if one.makers and one.readers and not one.fixed and len({model.get_layer(name).output.shape[-1] for name in one.tensors}) == 1
    ]


@dataclass
class _Group:
    makers: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)
    tensors: list[str] = field(default_factory=list)
    clips: list[str] = field(default_factory=list)
    fixed: bool = False


def _group_of(step: Step, groups: dict[str, _Group]) -> _Group:
    """The group that what the operation gives belongs to; notes it in the groups of what it reads."""
    operation = step.operation
    read = [groups[source.name] for source in step.sources]
    if type(operation) in WITH_KERNEL:
        for group in read:
            group.readers.append(operation.name)
            group.fixed |= getattr(operation, "groups", 1) > 1
        own = _Group(makers=[operation.name], fixed=not _homogeneous(operation))
    elif read and _passes_channels_on(step):
        own = _merged(read, groups)
        own.clips += [operation.name] if _is_clip(operation) else []
    else:
        for group in read:
            group.fixed = True
        own = _Group(fixed=True)
    if _is_stored(step):
        own.tensors.append(operation.name)
    return own


def _passes_channels_on(step: Step) -> bool:
    operation = step.operation
    if isinstance(operation, layers.Add):
        shapes = {source.output.shape for source in step.sources}
        return len(shapes) == 1 and len(step.sources) == len(operation.input)
    if isinstance(operation, layers.ReLU | layers.Activation):
        return _homogeneous(operation) or _is_clip(operation)
    return isinstance(operation, CHANNELWISE)


def _is_stored(step: Step) -> bool:
    """Whether a converted model keeps the tensor: an activation is merged into the layer before it."""
    if isinstance(step.operation, CHANNELWISE):
        return False
    return not (len(step.readers) == 1 and isinstance(step.readers[0], layers.ReLU | layers.Activation))


def _is_clip(operation: Any) -> bool:
    return isinstance(operation, layers.ReLU) and operation.max_value == 6.0 and not operation.negative_slope and not operation.threshold


def _homogeneous(operation: Any) -> bool:
    """Whether f(s * x) = s * f(x) for s > 0, f being the operation's activation."""
    if isinstance(operation, layers.ReLU):
        return operation.max_value is None and not operation.threshold
    return getattr(operation, "activation", None) in (keras.activations.linear, keras.activations.relu)


def _merged(read: Iterable[_Group], groups: dict[str, _Group]) -> _Group:
    """The first to run of `read`, with all that the others hold, in their place from now on."""
    wanted = {id(group) for group in read}
    first, *others = {id(group): group for group in groups.values() if id(group) in wanted}.values()
    for other in others:
        for name in ("makers", "readers", "tensors", "clips"):
            getattr(first, name).extend(getattr(other, name))
        first.fixed |= other.fixed
        for name, group in groups.items():
            groups[name] = first if group is other else group
    return first
