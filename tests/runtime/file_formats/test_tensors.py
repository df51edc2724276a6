"""Tests quantization: real = scale * (quantized - zero_point), rounded half to even."""

import numpy as np
import pytest

from runtime.file_formats.tensors import Quantization, dequantize, quantize


def test_rounds_half_to_even_and_clips() -> None:
    values = np.array([-1e9, -0.5, 0, 0.5, 1.5, 2.5, 254.6, 1e9], np.float32)
    assert quantize(values, Quantization(1.0, 0), np.uint8).tolist() == [0, 0, 0, 0, 2, 2, 255, 255]
    assert quantize(values, Quantization(1.0, 0), np.int8).tolist() == [
        -128,
        0,
        0,
        0,
        2,
        2,
        127,
        127,
    ]


def test_zero_point_shifts() -> None:
    assert quantize(np.float32([0, 1, -1]), Quantization(0.5, 10), np.uint8).tolist() == [10, 12, 8]
    assert dequantize(np.uint8([10, 12, 8]), Quantization(0.5, 10)).tolist() == [0, 1, -1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16])
def test_every_quantized_value_survives_a_round_trip(dtype: type) -> None:
    limits = np.iinfo(dtype)
    every = np.arange(limits.min, limits.max + 1).astype(dtype)
    for scale in (1 / 256, 0.0039215689, 1e-6, 3.7):
        real = dequantize(every, Quantization(scale, 3))
        assert real.dtype == np.float32
        assert (quantize(real, Quantization(scale, 3), dtype) == every).all()


def test_extreme_zero_points_do_not_wrap_around() -> None:
    assert dequantize(np.uint8([0, 255]), Quantization(1.0, 255)).tolist() == [-255, 0]
    assert dequantize(np.int8([-128, 127]), Quantization(1.0, 127)).tolist() == [-255, 0]
