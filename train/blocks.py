"""Where the blocks of a network end, found from its graph and its layers' names: the borders that thawing goes by."""

import re
from itertools import pairwise

import keras
from keras import layers

LABEL = re.compile(r"(block\d+_\d+|.*?block_?\d+[a-z]?|expanded_conv(?:_\d+)?|unit_\d+|conv\d+)(?:_|$)")
"""What the layers of one block have in common: block7_add, block_16_project, conv5_block3_out, block6d_expand_conv, expanded_conv_2_add."""
PAIRED = re.compile(r"^conv_(?:pad|dw|pw)_")
"""MobileNet's blocks are conv_dw_1 with conv_pw_1, and so on."""
POOLING = (layers.MaxPooling2D, layers.AveragePooling2D)


def block_ends(network: keras.Model) -> tuple[str, ...]:
    """The name of the last layer of each block of a functional network, from the input on.

    A block ends only at a layer through which every path passes. There, it ends where the layers after it bear the label of another
    block; layers without a label belong to the block before them, the first ones to that behind. In a network that labels none of its
    layers it ends where paths meet (Add, Concatenate) or a pooling shrinks the picture. Operations that are no layers, as ConvNeXt's
    additions, end no block: its blocks are its four stages.
    """
    segments = _segments(network)
    labels = _filled([_label(segment) for segment in segments])
    if not segments or labels[0] is None:
        ends = [segment[-1] for segment in segments[:-1] if _meets(segment[-1])]
    else:
        ends = [segment[-1] for segment, (label, following) in zip(segments, pairwise(labels), strict=False) if label != following]
    return tuple(layer.name for layer in [*ends, *(segment[-1] for segment in segments[-1:])])


def _segments(network: keras.Model) -> list[list[keras.layers.Layer]]:
    """The layers in the order they run, cut behind each through which every path passes."""
    operations = [one for one in network.operations if not isinstance(one, layers.InputLayer)]
    last_use = {id(tensor): step for step, one in enumerate(operations) for tensor in keras.tree.flatten(one.input)}
    segments: list[list[keras.layers.Layer]] = [[]]
    alive: set[int] = set()
    for step, operation in enumerate(operations):
        alive = {tensor for tensor in alive if last_use[tensor] > step} | {id(operation.output)}
        if isinstance(operation, keras.layers.Layer):
            segments[-1].append(operation)
            if len(alive) == 1:
                segments.append([])
    return segments[:-1]


def _label(segment: list[keras.layers.Layer]) -> str | None:
    found = [match[1] for layer in segment if (match := LABEL.match(PAIRED.sub("unit_", layer.name)))]
    return found[-1] if found else None


def _filled(labels: list[str | None]) -> list[str | None]:
    """Each open label becomes that before it, the first ones that after them."""
    filled, last = [], next((label for label in labels if label), None)
    for label in labels:
        last = label or last
        filled.append(last)
    return filled


def _meets(layer: keras.layers.Layer) -> bool:
    several = isinstance(layer.input, list | tuple) and len(layer.input) > 1
    return (several and not isinstance(layer, layers.Multiply)) or isinstance(layer, POOLING)
