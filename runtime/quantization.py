"""Affine quantization, as TFLite and ONNX define it: real = scale * (quantized - zero_point)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Quantization(NamedTuple):
    """Per-tensor scale (> 0) and zero point, as the model file holds them."""

    scale: float
    zero_point: int


def quantize(values: NDArray[np.float32], quantization: Quantization, dtype: type[np.integer[Any]]) -> NDArray[Any]:
    """Any-shape float values as `dtype`: divided by the scale, rounded half to even, shifted, clipped to the dtype's range."""
    limits = np.iinfo(dtype)
    quantized: NDArray[Any] = np.clip(np.rint(values / quantization.scale) + quantization.zero_point, limits.min, limits.max).astype(dtype)
    return quantized


def dequantize(values: NDArray[Any], quantization: Quantization) -> NDArray[np.float32]:
    """Any-shape integers as float32 in real units."""
    return ((values.astype(np.int32) - quantization.zero_point) * np.float32(quantization.scale)).astype(np.float32)


def pixel_table(quantization: Quantization, dtype: type[np.integer[Any]]) -> NDArray[Any]:
    """(256,) `dtype`: what each pixel value 0..255 is, quantized."""
    return quantize(np.arange(256, dtype=np.float32), quantization, dtype)
