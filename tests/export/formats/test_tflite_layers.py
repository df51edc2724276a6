"""The layer that quantization destroys is named."""

from pathlib import Path

import pytest

from export.formats.tflite_layers import layer_errors
from export.keras_model import load
from export.kind import Kind

INT8 = Kind("tflite", "int8")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_layer_behind_a_range_made_too_wide_is_named(number: int, trained: Path, calibration, widen) -> None:
    model = load(trained / "model.keras")
    widen(model, number)
    worst = layer_errors(model, calibration, INT8)[0]
    assert (worst.layer, worst.after) == (f"conv{number + 1}", f"conv{number}")
    assert worst.steps > 1
    assert worst.after_scale > 1


def test_a_sound_model_shows_little_more_than_rounding(keras_model, calibration) -> None:
    errors = layer_errors(keras_model, calibration, INT8)
    assert {error.layer for error in errors} >= {"conv0", "conv1", "conv2", "conv3", "scores"}
    assert errors == sorted(errors, key=lambda error: -error.steps)
    assert 0.1 < errors[0].steps < 1
