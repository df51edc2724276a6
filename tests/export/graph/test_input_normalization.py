"""Checks (x - mean) / std as scale and zero point."""

import numpy as np
import pytest

from export.graph.input_normalization import split_input_normalization
from export.graph.input_quantization import InputQuantization


def test_scale_and_zero_point_give_what_the_layer_computes(keras_model, calibration) -> None:
    normalization, inner = split_input_normalization(keras_model)
    assert normalization == InputQuantization(1 / 128, 127)
    values = normalization.apply(calibration[:2])
    np.testing.assert_array_equal(
        values, np.asarray(keras_model.layers[1](calibration[:2].astype(np.float32)))
    )
    expected = keras_model.predict_on_batch(calibration[:2].astype(np.float32))
    np.testing.assert_allclose(inner.predict_on_batch(values), expected, atol=1e-6)


def test_values_cover_the_pixel_range() -> None:
    low, high = InputQuantization(1 / 128, 127).apply(np.array([0, 255], np.uint8))
    assert (low, high) == pytest.approx((-127 / 128, 1.0))
