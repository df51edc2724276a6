"""Finds where the blocks of a network end, from its graph and the names of its layers."""

import re
from itertools import pairwise

import keras
from keras import layers

BLOCK_NAME = re.compile(
    r"(block\d+_\d+|.*?block_?\d+[a-z]?|expanded_conv(?:_\d+)?|unit_\d+|conv\d+)(?:_|$)"
)
"""The prefix that the layers of one block share, as in block7_add, block_16_project,
conv5_block3_out, block6d_expand_conv and expanded_conv_2_add."""
MOBILENET_LAYER = re.compile(r"^conv_(?:pad|dw|pw)_")
"""MobileNet's first block is conv_dw_1 with conv_pw_1, and so on."""
POOLING = (layers.MaxPooling2D, layers.AveragePooling2D)


def block_ends(network: keras.Model) -> tuple[str, ...]:
    """Returns the name of the last layer of each block of a functional network, in order.

    A block ends only at a layer through which every path passes, and only where the names of the
    next layers are those of another block. Layers without a block name belong to the block before
    them; those at the input belong to the first block. In a network without any block names, a
    block ends where paths meet (Add, Concatenate) or where a pooling shrinks the image. Operations
    that are no layers, such as ConvNeXt's additions, end no block: its blocks are its four stages.
    """
    segments = _segments(network)
    if not segments:
        return ()
    names = _fill_gaps([_block_name(segment) for segment in segments])
    if names[0] is None:
        ends = [segment[-1] for segment in segments[:-1] if _is_border(segment[-1])]
    else:
        ends = [
            segment[-1]
            for segment, (name, next_name) in zip(segments, pairwise(names), strict=False)
            if name != next_name
        ]
    return tuple(layer.name for layer in [*ends, segments[-1][-1]])


def _segments(network: keras.Model) -> list[list[keras.layers.Layer]]:
    """Returns the layers in the order they run, cut after each layer that every path passes."""
    operations = [
        operation
        for operation in network.operations
        if not isinstance(operation, layers.InputLayer)
    ]
    last_use = {
        id(tensor): step
        for step, operation in enumerate(operations)
        for tensor in keras.tree.flatten(operation.input)
    }
    segments: list[list[keras.layers.Layer]] = [[]]
    alive: set[int] = set()
    for step, operation in enumerate(operations):
        alive = {tensor for tensor in alive if last_use[tensor] > step} | {id(operation.output)}
        if isinstance(operation, keras.layers.Layer):
            segments[-1].append(operation)
            if len(alive) == 1:
                segments.append([])
    return segments[:-1]


def _block_name(segment: list[keras.layers.Layer]) -> str | None:
    name = None
    for layer in segment:
        if match := BLOCK_NAME.match(MOBILENET_LAYER.sub("unit_", layer.name)):
            name = match[1]
    return name


def _fill_gaps(names: list[str | None]) -> list[str | None]:
    """Replaces each None by the name before it, and the first ones by the name after them."""
    filled, last = [], next((name for name in names if name), None)
    for name in names:
        last = name or last
        filled.append(last)
    return filled


def _is_border(layer: keras.layers.Layer) -> bool:
    """Returns whether paths meet in `layer`, or it is a pooling; a gate (Multiply) is neither."""
    if isinstance(layer, POOLING):
        return True
    has_several_inputs = isinstance(layer.input, list | tuple) and len(layer.input) > 1
    return has_several_inputs and not isinstance(layer, layers.Multiply)
