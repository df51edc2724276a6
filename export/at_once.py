"""How many pictures go through a Keras model together: one of a few kilobytes may be made to need gigabytes for a batch."""

from math import prod
from typing import Any

MAX_BYTES = 2**30
"""For the tensors of one step. A common network at 224 pixels, 32 pictures at once, stays below a half of it."""
ALIVE = 3
"""Tensors as large as the largest that are there at the same time: a layer's input, its output, and a shortcut or padded copy."""


def pictures_at_once(model: Any, most: int) -> int:
    """At least 1 and at most `most`, from the declared shapes of what the layers of a flat Keras model give, as float32."""
    outputs = (tensor for layer in model.layers for tensor in _tensors(layer.output))
    largest = max((prod(side or 1 for side in tensor.shape[1:]) for tensor in outputs), default=1)
    return max(1, min(most, MAX_BYTES // (4 * ALIVE * largest)))


def _tensors(output: Any) -> list[Any]:
    return list(output) if isinstance(output, list | tuple) else [output]
