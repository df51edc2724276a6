"""Describes a quantized input that takes raw pixels, without arithmetic in the file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class InputQuantization:
    """Stands for value = scale * (pixel - zero_point).

    For (x - 127) / 128 the scale is 1/128 and the zero point is 127.
    """

    scale: float
    zero_point: int

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the float32 values of uint8 pixels of any shape."""
        return (pixels.astype(np.float32) - self.zero_point) * np.float32(self.scale)


RAW = InputQuantization(1.0, 0)
"""Keeps the raw pixel as it is; any arithmetic on it stays part of the model."""
