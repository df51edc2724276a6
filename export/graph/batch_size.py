"""Chooses the batch size for a Keras model.

A small file can declare layers whose activations need gigabytes, so the largest layer output limits
the batch.
"""

from math import prod
from typing import Any

MAX_BYTES = 2**30
"""For the tensors of one step. A common network needs less than half of it for 32 images of 224
pixels."""
LIVE_TENSORS = 3
"""Tensors as large as the largest that exist at the same time: the input and the output of a layer,
and a shortcut or a padded copy."""


def safe_batch_size(model: Any, max_images: int) -> int:
    """Returns the largest safe batch, from 1 to `max_images`, for a flat Keras model.

    The shapes that the layers declare decide, with 4 bytes (float32) for each value.
    """
    outputs = (tensor for layer in model.layers for tensor in _tensors(layer.output))
    largest = max((prod(side or 1 for side in tensor.shape[1:]) for tensor in outputs), default=1)
    return max(1, min(max_images, MAX_BYTES // (4 * LIVE_TENSORS * largest)))


def _tensors(output: Any) -> list[Any]:
    return list(output) if isinstance(output, list | tuple) else [output]
