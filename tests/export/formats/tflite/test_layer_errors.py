"""Checks that the layer that quantization damages most comes first."""

from pathlib import Path

import pytest

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.layer_errors import layer_errors
from export.inputs.keras_loader import load_flat_model

INT8 = ArtifactSpec("tflite", "int8")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_layer_whose_range_is_too_wide_comes_first(
    number: int, trained: Path, calibration, widen
) -> None:
    model = load_flat_model(trained / "model.keras")
    widen(model, number)
    worst, second = layer_errors(model, calibration, INT8)[:2]
    assert worst.layer == f"conv{number}"
    assert worst.scale > 1
    assert worst.lost > 0.8
    assert second.lost < worst.lost


def test_the_next_layer_to_leave_in_float_is_a_different_one(widened, calibration) -> None:
    named: list[str] = []
    for _ in range(4):
        spec = ArtifactSpec("tflite", "mixed", float_layers=tuple(named))
        named.append(layer_errors(widened, calibration, spec)[0].layer)
    assert sorted(named) == ["conv0", "conv1", "conv2", "conv3"]


def test_a_sound_model_shows_little_more_than_rounding(keras_model, calibration) -> None:
    errors = layer_errors(keras_model, calibration, INT8)
    assert {error.layer for error in errors} >= {"conv0", "conv1", "conv2", "conv3"}
    assert "scores" not in {error.layer for error in errors}, "it stays in float"
    assert errors == sorted(errors, key=lambda error: -error.lost)
    assert max(error.lost for error in errors) < 0.3
    assert all(0.05 < error.steps < 1 for error in errors)
