"""The first layer of a model, taken apart: (pixel - mean) / std as the scale and zero point of a quantized input."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Normalisation:
    """value = scale * (pixel - zero_point): for (x - 127) / 128, scale 1/128 and zero point 127."""

    scale: float
    zero_point: int

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 pixels of any shape as the float32 values that the layer gives."""
        return (pixels.astype(np.float32) - self.zero_point) * np.float32(self.scale)


RAW = Normalisation(1.0, 0)
"""The pixel itself: the model's arithmetic on it, if there is any, is part of the model."""


def split_normalisation(model: keras.Model) -> tuple[Normalisation, keras.Model]:
    """The normalisation at the head of `model`, and the model that follows it.

    Where the first layer is not a Rescaling by one number whose zero is a whole pixel value (x / 127.5 - 1 puts it at 127.5), no scale
    and zero point can stand for it: then RAW and the whole model. Either way the raw pixel is the quantized input.
    """
    first = _first_node(model)
    layer = first.operation if first else None
    if not isinstance(layer, keras.layers.Rescaling) or np.ndim(layer.scale) or np.ndim(layer.offset) or layer.scale <= 0:
        return RAW, model
    zero_point = -layer.offset / layer.scale
    if abs(zero_point - round(zero_point)) > 1e-3 or not 0 <= round(zero_point) <= 255:
        return RAW, model
    return Normalisation(float(layer.scale), round(zero_point)), keras.Model(first.outputs[0], model.output)


def _first_node(model: keras.Model) -> Any:
    """The call of the one layer that takes the model's input; None where several do."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes if model.inputs[0] in node.input_tensors]
    return nodes[0] if len(nodes) == 1 else None
