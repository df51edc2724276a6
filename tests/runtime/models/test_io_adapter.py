"""Tests the way from pixels to input values and from outputs to probabilities, without a model."""

import numpy as np
import pytest
from PIL import Image

from runtime.errors import InputRefused
from runtime.file_formats.tensors import Quantization, Tensor
from runtime.models.io_adapter import (
    InputSpec,
    input_encoder,
    pixel_encoder,
    pixel_tables,
    softmax,
    to_grey,
)
from runtime.models.normalization import MODES, UNNORMALIZED, Normalization

PIXELS = np.random.default_rng(8).integers(0, 256, (5, 7, 3)).astype(np.uint8)


class Shape:
    """A backend of which only the input is looked at."""

    def __init__(
        self, shape: tuple[int | None, ...], dtype: type, quantization: Quantization | None = None
    ) -> None:
        self.input = Tensor(shape, dtype, quantization)


def test_grey_is_as_pillow_makes_it() -> None:
    every = (
        np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3), axis=-1)
        .reshape(-1, 52, 3)
        .astype(np.uint8)
    )
    assert (to_grey(every)[..., 0] == np.asarray(Image.fromarray(every).convert("L"))).all()


def test_softmax_holds_for_large_logits_and_tells_of_no_numbers() -> None:
    assert softmax(np.float32([9000, 8999, -9000])).tolist() == pytest.approx(
        [0.73106, 0.26894, 0], abs=1e-5
    )
    assert softmax(np.float16([1, 1])).dtype == np.float32
    for broken in (np.nan, np.inf):
        assert np.isnan(softmax(np.float32([broken, 0]))).any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16])
def test_each_channel_is_scaled_and_quantized_by_itself(mode: str, dtype: type) -> None:
    """Against the formula of TFLite's quantization on float64."""
    normalization, limits = MODES[mode], np.iinfo(dtype)
    real = (np.arange(256)[:, np.newaxis] - np.array(normalization.mean)) / np.array(
        normalization.std
    )
    scale = float(real.max() - real.min()) / (limits.max - limits.min)
    zero = int(np.rint(limits.min - real.min() / scale))
    backend = Shape((1, 5, 7, 3), dtype, Quantization(scale, zero))
    values = pixel_encoder("m", backend, InputSpec((5, 7), "nhwc", normalization))(PIXELS)
    expected = (PIXELS - np.array(normalization.mean)) / np.array(normalization.std) / scale + zero
    assert values.dtype == dtype
    assert np.abs(values - expected).max() <= 0.501


def test_planes_and_batch_hold_the_one_image() -> None:
    values = input_encoder(
        "m", Shape((2, 3, 5, 7), np.float32), InputSpec((5, 7), "nchw", UNNORMALIZED)
    )(PIXELS)
    assert values.shape == (2, 3, 5, 7)
    assert (values == PIXELS.transpose(2, 0, 1)).all()


def test_pixel_less_128_is_what_int8_takes_without_a_normalization() -> None:
    values = input_encoder("m", Shape((1, 5, 7, 3), np.int8), InputSpec((5, 7), "nhwc"))(PIXELS)
    assert (values == PIXELS.astype(np.int16) - 128).all()


def test_some_pixel_values_may_be_clipped_and_not_many() -> None:
    half = Quantization(1 / 128, 0)
    assert len(pixel_tables("m", Normalization((127.5,), (127.5,)), half, np.int8)) == 1
    with pytest.raises(
        InputRefused,
        match=r"its input of int8 stands for -1 to 0\.992, and --normalize makes pixels 0 to 2",
    ):
        pixel_tables("m", Normalization((0.0,), (127.5,)), half, np.int8)


@pytest.mark.parametrize(
    ("dtype", "normalization"), [(np.float32, None), (np.int64, UNNORMALIZED), (np.int16, None)]
)
def test_what_no_pixel_can_become_is_refused(
    dtype: type, normalization: Normalization | None
) -> None:
    with pytest.raises(InputRefused, match="expected an input of float32, uint8, int8 or int16"):
        pixel_encoder("m", Shape((1, 5, 7, 3), dtype), InputSpec((5, 7), "nhwc", normalization))
