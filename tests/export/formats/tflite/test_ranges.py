"""Checks ranges cut at a percentile, and that unusable ranges are refused (FAULTS E9)."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.inputs.keras_loader import load_flat_model, scores
from runtime.errors import CheckFailed


def scales(content: bytes) -> dict[str, float]:
    """Returns the scales of the tensors between the layers, by name."""
    interpreter = Interpreter(model_content=content)
    written = {
        index for operator in interpreter._get_ops_details() for index in operator["outputs"]
    }
    details = [
        tensor
        for tensor in interpreter.get_tensor_details()
        if tensor["index"] in written and tensor["dtype"] is np.int8
    ]
    return {tensor["name"]: tensor["quantization"][0] for tensor in details}


def test_percentile_ranges_are_narrower_and_the_pixel_is_still_the_input(
    keras_model, calibration, manifest, answers
) -> None:
    """A white image among grey ones makes an outlier."""
    images = calibration.copy()
    images[-1] = 255
    minmax, percentile = (
        convert(
            keras_model, ArtifactSpec("tflite", "int8", ranges=ranges), images, manifest
        ).content
        for ranges in ("minmax", "percentile")
    )
    wide, narrow = scales(minmax), scales(percentile)
    layers = [name for name in wide if "Relu" in name]
    assert len(layers) == 4
    assert all(narrow[name] <= wide[name] for name in layers)
    assert any(narrow[name] < 0.95 * wide[name] for name in layers)
    assert narrow["tfl.quantize"] == wide["tfl.quantize"] == 1 / 128
    (details,) = Interpreter(model_content=percentile).get_input_details()
    assert details["quantization"] == (1 / 128, 127)
    assert np.abs(answers(percentile) - scores(keras_model, calibration)).max() < 0.15


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
def test_a_layer_whose_range_is_empty_is_named(
    precision: str, trained, calibration, manifest
) -> None:
    model = load_flat_model(trained / "model.keras")
    norm = model.get_layer("conv1_bn")
    gamma, beta, *statistics = norm.get_weights()
    norm.set_weights([0 * gamma, 0 * beta - 1, *statistics])
    with pytest.raises(
        CheckFailed, match=r"conv1_relu.*of layer 'conv1' has the scale .*expected at least"
    ):
        convert(model, ArtifactSpec("tflite", precision), calibration, manifest)
