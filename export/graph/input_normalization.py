"""Finds the arithmetic that a model does on each pixel before anything else.

`find_pixel_head` describes all of it (several Rescalings, Keras' preprocess_input, a flip to BGR),
so that one layer can replace it. `split_input_normalization` turns a single Rescaling into the
scale and the zero point of a quantized input.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from export.graph.input_quantization import RAW, InputQuantization

PIXEL_OPERATIONS = frozenset(
    {
        *("Rescaling", "Normalization", "GetItem", "Stack", "Flip", "Add", "Subtract", "Multiply"),
        *("Divide", "TrueDivide"),
    }
)
"""Classes of layers and operations that may treat every pixel alike; a measurement decides."""
TOLERANCE = 1e-4
"""Allowed error of a measured transform, relative to its largest value."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class PixelTransform:
    """Stands for value = pixel @ matrix + offset.

    The matrix is (channels, channels), and the offset (channels,).
    """

    matrix: Matrix
    offset: Matrix

    def call_layer(self, pixels: Any, name: str) -> Any:
        """Returns the output of one new layer, called `name`, that transforms a tensor of pixels.

        The layer is a Rescaling if no channels mix, and a 1x1 convolution otherwise.
        """
        scale = np.diag(self.matrix)
        largest = abs(self.matrix).max()
        if not np.allclose(self.matrix, np.diag(scale), rtol=0, atol=1e-7 * largest):
            return self._call_convolution(pixels, name)
        same_scale = np.ptp(scale) <= 1e-6 * abs(scale).max()
        same_offset = np.ptp(self.offset) <= 1e-6 * max(1.0, abs(self.offset).max())
        if same_scale and same_offset:
            mean_scale, mean_offset = float(scale.mean()), float(self.offset.mean())
            return keras.layers.Rescaling(mean_scale, mean_offset, name=name)(pixels)
        return keras.layers.Rescaling(scale.tolist(), self.offset.tolist(), name=name)(pixels)

    def _call_convolution(self, pixels: Any, name: str) -> Any:
        layer = keras.layers.Conv2D(len(self.offset), 1, name=name)
        output = layer(pixels)
        kernel = self.matrix[np.newaxis, np.newaxis].astype(np.float32)
        layer.set_weights([kernel, self.offset.astype(np.float32)])
        return output


@dataclass(frozen=True)
class PixelHead:
    """Holds the tensor at which a model's pixel arithmetic ends, and the equal transform."""

    end: Any
    transform: PixelTransform


def split_input_normalization(model: keras.Model) -> tuple[InputQuantization, keras.Model]:
    """Splits `model` into the normalization at its head and the model that follows it.

    Returns RAW and the whole model if no scale and zero point can replace the first layer. They can
    only replace a Rescaling by one number whose zero is a whole pixel value (x / 127.5 - 1 puts it
    at 127.5). In both cases the raw pixel is the quantized input.
    """
    first = _first_call(model)
    layer = first.operation if first else None
    if (
        not isinstance(layer, keras.layers.Rescaling)
        or np.ndim(layer.scale)
        or np.ndim(layer.offset)
        or layer.scale <= 0
    ):
        return RAW, model
    zero_point = -layer.offset / layer.scale
    if abs(zero_point - round(zero_point)) > 1e-3 or not 0 <= round(zero_point) <= 255:
        return RAW, model
    inner = keras.Model(first.outputs[0], model.output)
    return InputQuantization(float(layer.scale), round(zero_point)), inner


def find_pixel_head(model: keras.Model) -> PixelHead | None:
    """Returns the pixel arithmetic at the head of a flat `model`.

    Returns None if there is none, if it is a single Rescaling, or if no PixelTransform describes
    it.
    """
    end = _end_of_pixel_arithmetic(model)
    transform = None if end is None else _measure_transform(model, end)
    return PixelHead(end, transform) if transform else None


def scales_pixels(model: keras.Model) -> bool:
    """Whether the first layer of a flat `model` is a Rescaling, or other arithmetic on pixels."""
    first = _first_call(model)
    if first is None:
        return False
    is_one_rescaling = isinstance(first.operation, keras.layers.Rescaling)
    return is_one_rescaling or find_pixel_head(model) is not None


def _first_call(model: keras.Model) -> Any:
    """Returns the call of the only layer that reads the model's input, or None if several do."""
    nodes = [
        node
        for nodes in model._nodes_by_depth.values()
        for node in nodes
        if model.inputs[0] in node.input_tensors
    ]
    return nodes[0] if len(nodes) == 1 else None


def _end_of_pixel_arithmetic(model: keras.Model) -> Any | None:
    """Returns the last tensor that may depend on single pixels only, if all later calls read it."""
    nodes = sorted(
        ((depth, node) for depth, nodes in model._nodes_by_depth.items() for node in nodes),
        key=lambda pair: -pair[0],
    )
    calls = [node for _, node in nodes if not node.is_input]
    end = None
    reached = {id(model.inputs[0])}
    for count, node in enumerate(calls, start=1):
        inputs, output = {id(tensor) for tensor in node.input_tensors}, node.outputs[0]
        if type(node.operation).__name__ not in PIXEL_OPERATIONS or not inputs <= reached:
            break
        reached.add(id(output))
        read_later = {id(tensor) for later in calls[count:] for tensor in later.input_tensors}
        if read_later & reached == {id(output)} and output.shape == model.inputs[0].shape:
            is_one_rescaling = count == 1 and isinstance(node.operation, keras.layers.Rescaling)
            end = None if is_one_rescaling else output
    return end


def _measure_transform(model: keras.Model, end: Any) -> PixelTransform | None:
    """Returns the transform from the input to `end`, or None if none reproduces `end` on noise."""
    head = keras.Model(model.inputs[0], end)
    shape = model.input_shape[1:]
    channels = shape[-1]

    def values(pixels: NDArray[Any]) -> Matrix:
        output = head(pixels.astype(np.float32)[np.newaxis], training=False)
        image: Matrix = np.asarray(output, np.float64)[0]
        return image

    def value_of(colour: NDArray[Any]) -> Matrix:
        value: Matrix = values(np.broadcast_to(colour, shape))[0, 0]
        return value

    offset = value_of(np.zeros(channels))
    matrix = (np.stack([value_of(colour) for colour in 255 * np.eye(channels)]) - offset) / 255
    noise = np.random.default_rng(0).integers(0, 256, shape)
    expected = noise @ matrix + offset
    if abs(values(noise) - expected).max() > TOLERANCE * max(1.0, abs(expected).max()):
        return None
    return PixelTransform(matrix, offset)
