"""Quantizes a float `.onnx` as the documentation of ONNX Runtime advises for x86 processors."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Reader(CalibrationDataReader):
    """Feeds planes of the images."""

    def __init__(self, feeds: Iterator[dict[str, NDArray[np.float32]]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, Any] | None:
        """Returns the next image, or None."""
        return next(self._feeds, None)


def quantize(source: str, images: NDArray[np.uint8], target: str, option: str) -> None:
    """Writes `target`, in QDQ form with uint8 activations and int8 weights per channel."""
    name = onnx.load(source).graph.input[0].name
    planes = images.astype(np.float32).transpose(0, 3, 1, 2)
    prepared = f"{target}.prepared"
    quant_pre_process(source, prepared, skip_symbolic_shape=True)  # all shapes are fixed
    quantize_static(
        prepared,
        target,
        Reader({name: image[np.newaxis]} for image in planes),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
