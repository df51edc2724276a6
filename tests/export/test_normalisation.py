"""(x - mean) / std as scale and zero point."""

import numpy as np
import pytest

from export.normalisation import Normalisation, split_normalisation


def test_is_what_the_layer_computes(keras_model, calibration) -> None:
    normalisation, rest = split_normalisation(keras_model)
    assert normalisation == Normalisation(1 / 128, 127)
    values = normalisation.apply(calibration[:2])
    np.testing.assert_array_equal(values, np.asarray(keras_model.layers[1](calibration[:2].astype(np.float32))))
    expected = keras_model.predict_on_batch(calibration[:2].astype(np.float32))
    np.testing.assert_allclose(rest.predict_on_batch(values), expected, atol=1e-6)


def test_covers_the_pixels_range() -> None:
    low, high = Normalisation(1 / 128, 127).apply(np.array([0, 255], np.uint8))
    assert (low, high) == pytest.approx((-127 / 128, 1.0))
