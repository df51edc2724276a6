"""The first layer of a model, taken apart: (pixel - mean) / std as the scale and zero point of a quantized input."""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused


@dataclass(frozen=True)
class Normalisation:
    """value = scale * (pixel - zero_point): for (x - 127) / 128, scale 1/128 and zero point 127."""

    scale: float
    zero_point: int

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 pixels of any shape as the float32 values that the layer gives."""
        return (pixels.astype(np.float32) - self.zero_point) * np.float32(self.scale)


def split_normalisation(model: keras.Model) -> tuple[Normalisation, keras.Model]:
    """The normalisation at the head of `model`, and the model that follows it.

    Raises:
        InputRefused: the first layer is not a Rescaling by one number, or its zero is not at a whole pixel value.
    """
    first = model.layers[1]
    if not isinstance(first, keras.layers.Rescaling) or np.ndim(first.scale) or np.ndim(first.offset):
        raise InputRefused("model", f"expected its first layer to be a Rescaling by one number, found {type(first).__name__}")
    zero_point = -first.offset / first.scale
    if abs(zero_point - round(zero_point)) > 1e-3 or not 0 <= round(zero_point) <= 255:
        raise InputRefused("model", f"its Rescaling puts zero at the pixel value {zero_point:.3f}, not at a whole one from 0 to 255")
    return Normalisation(float(first.scale), round(zero_point)), keras.Model(first.output, model.output)
