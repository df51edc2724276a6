"""Checks the ranges of layer outputs against Keras itself, also in branches."""

import keras
import numpy as np
import pytest

from export.inputs.keras_loader import scores
from export.quantization.activation_ranges import activation_ranges, scores_with_ranges


def test_ranges_are_those_of_the_layer_outputs(keras_model, calibration) -> None:
    ranges = activation_ranges(keras_model, calibration[:11])
    for number, name in enumerate(ranges.layers):
        probe = keras.Model(keras_model.input, keras_model.get_layer(name).output)
        output = probe.predict_on_batch(calibration[:11].astype(np.float32)).reshape(11, -1)
        np.testing.assert_allclose(ranges.low[:, number], output.min(1), atol=1e-4)
        np.testing.assert_allclose(ranges.high[:, number], output.max(1), rtol=1e-4, atol=1e-4)


def test_merged_layers_and_the_output_are_left_out(keras_model, calibration) -> None:
    ranges = activation_ranges(keras_model, calibration[:2])
    assert "conv1_relu" in ranges.layers
    assert not {"conv1", "conv1_bn", keras_model.layers[-1].name} & set(ranges.layers)


def test_branches_are_followed_and_only_a_single_reader_is_merged(calibration) -> None:
    layers = keras.layers
    inputs = keras.Input(calibration.shape[1:])
    first = layers.Rescaling(1 / 255, name="first")(inputs)
    one = layers.ReLU(name="one_relu")(layers.Conv2D(4, 3, name="one")(first))
    shared = layers.Conv2D(4, 3, name="shared")(first)
    added = layers.Add(name="added")([one, layers.ReLU(name="shared_relu")(shared), shared])
    pooled = layers.GlobalAveragePooling2D(name="pool")(added)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="last")(pooled))
    ranges = activation_ranges(model, calibration[:3])
    assert set(ranges.layers) == {"first", "one_relu", "shared", "shared_relu", "added", "pool"}
    np.testing.assert_allclose(
        ranges.high[:, ranges.layers.index("first")],
        calibration[:3].reshape(3, -1).max(1) / 255,
        rtol=1e-5,
    )


def test_scores_are_near_the_float_scores_over_true_ranges_only(keras_model, calibration) -> None:
    pixels = calibration[:20]
    ranges = activation_ranges(keras_model, pixels)
    true = (ranges.low.min(0), ranges.high.max(0))
    narrow = (ranges.low.min(0) / 20, ranges.high.max(0) / 20)
    expected = scores(keras_model, pixels)
    near, far = scores_with_ranges(keras_model, pixels, ranges.calls, [true, narrow])
    assert np.abs(near - expected).max() < 0.05
    assert np.abs(far - expected).mean() > 4 * np.abs(near - expected).mean()
    assert near.sum(1) == pytest.approx(1, abs=1e-5)
