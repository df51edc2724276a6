"""One file per interpreter, one row here; a model file's suffix chooses the row."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.plugins import Plugin


class Backend(Protocol):
    """A loaded model. Its constructor takes (name, content, threads) and raises InputRefused, naming `name`, for a model it cannot run."""

    input_shape: tuple[int, ...]
    """(1, height, width, 3)"""
    classes: int
    metadata: Mapping[str, str]
    """Texts stored in the model file, by name; our manifest is under "quince.json"."""

    def predict(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(height, width, 3) uint8 RGB -> (classes,) float32 scores."""


EMBEDDED_MANIFEST = "quince.json"

BACKENDS = {
    ".tflite": Plugin("runtime.backends.tflite:TFLiteBackend", extra="tflite"),
    ".onnx": Plugin("runtime.backends.onnx:ONNXBackend", extra="onnx"),
}
