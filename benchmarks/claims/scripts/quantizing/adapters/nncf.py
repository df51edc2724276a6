"""Quantizes a float `.onnx` with NNCF's defaults."""

import nncf
import numpy as np
import onnx
from numpy.typing import NDArray


def quantize(source: str, images: NDArray[np.uint8], target: str, option: str) -> None:
    """Writes `target`."""
    model = onnx.load(source)
    planes = images.astype(np.float32).transpose(0, 3, 1, 2)
    feeds = [{model.graph.input[0].name: image[np.newaxis]} for image in planes]
    quantized = nncf.quantize(model, nncf.Dataset(feeds), subset_size=len(feeds))
    onnx.save(quantized, target)
