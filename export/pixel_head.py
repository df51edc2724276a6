"""What a model does to each pixel before anything else, put into one layer: three Rescalings, Keras' preprocess_input, a flip to BGR.

As one layer it can become the scale and zero point of a quantized input, or at least is rounded once, not once an operation.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

PIXEL_OPERATIONS = frozenset(
    {"Rescaling", "Normalization", "GetItem", "Stack", "Flip", "Add", "Subtract", "Multiply", "Divide", "TrueDivide"}
)
"""Classes, of layers and of operations, that may do the same to each pixel; whether they do is measured."""
TOLERANCE = 1e-4
"""Of the measured layer, relative to its largest value."""

Matrix = NDArray[np.float64]


def pixel_head(model: keras.Model) -> Any | None:
    """The tensor at which what is done to single pixels ends; None where nothing is done to them, or one Rescaling is all."""
    nodes = sorted(((depth, node) for depth, nodes in model._nodes_by_depth.items() for node in nodes), key=lambda pair: -pair[0])
    calls = [node for _, node in nodes if not node.is_input]
    found, reached = None, {id(model.inputs[0])}
    for count, node in enumerate(calls, start=1):
        if type(node.operation).__name__ not in PIXEL_OPERATIONS or not {id(tensor) for tensor in node.input_tensors} <= reached:
            break
        reached.add(id(node.outputs[0]))
        rest = {id(tensor) for later in calls[count:] for tensor in later.input_tensors} & reached
        if rest == {id(node.outputs[0])} and node.outputs[0].shape == model.inputs[0].shape:
            found = None if count == 1 and isinstance(node.operation, keras.layers.Rescaling) else node.outputs[0]
    return found


def measure(model: keras.Model, end: Any) -> tuple[Matrix, Matrix] | None:
    """The (3, 3) matrix and (3,) offset with which `end` is pixel @ matrix + offset, or None where it is something else."""
    head = keras.Model(model.inputs[0], end)
    _, height, width, _ = model.input_shape

    def values(pixels: NDArray[Any]) -> Matrix:
        found: Matrix = np.asarray(head(pixels.astype(np.float32)[np.newaxis], training=False), np.float64)[0]
        return found

    def of_colour(colour: NDArray[Any]) -> Matrix:
        found: Matrix = values(np.broadcast_to(colour, (height, width, 3)))[0, 0]
        return found

    offset = of_colour(np.zeros(3))
    matrix = (np.stack([of_colour(colour) for colour in 255 * np.eye(3)]) - offset) / 255
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    expected = noise @ matrix + offset
    if abs(values(noise) - expected).max() > TOLERANCE * max(1.0, abs(expected).max()):
        return None
    return matrix, offset


def pixel_layer(matrix: Matrix, offset: Matrix, name: str) -> Callable[[Any], Any]:
    """pixel @ matrix + offset as a Rescaling where each channel stays by itself, else as a convolution of single pixels."""
    scale = np.diag(matrix)
    if np.allclose(matrix, np.diag(scale), rtol=0, atol=1e-7 * abs(matrix).max()):
        if np.ptp(scale) <= 1e-6 * abs(scale).max() and np.ptp(offset) <= 1e-6 * max(1.0, abs(offset).max()):
            plain: Callable[[Any], Any] = keras.layers.Rescaling(float(scale.mean()), float(offset.mean()), name=name)
            return plain
        each: Callable[[Any], Any] = keras.layers.Rescaling(scale.tolist(), offset.tolist(), name=name)
        return each

    def mixed(pixels: Any) -> Any:
        layer = keras.layers.Conv2D(3, 1, name=name)
        found = layer(pixels)
        layer.set_weights([matrix.reshape(1, 1, 3, 3).astype(np.float32), offset.astype(np.float32)])
        return found

    return mixed
