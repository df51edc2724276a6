"""Checks mixed .tflite files, which are int8 with some layers in float."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.inputs.keras_loader import load_flat_model, scores
from runtime.errors import InputRefused


def weights(content: bytes) -> dict[str, str]:
    """Returns the dtype of the kernel of each convolution and Dense layer, by layer."""
    tensors = [
        tensor
        for tensor in Interpreter(model_content=content).get_tensor_details()
        if len(tensor["shape"]) >= 2
    ]
    parts = ("/convolution", "/MatMul")
    kernels = {
        tensor["name"].split("/")[1]: np.dtype(tensor["dtype"]).name
        for tensor in tensors
        if tensor["name"].endswith(parts)
    }
    return {name.removesuffix("_1"): dtype for name, dtype in kernels.items()}


@pytest.mark.parametrize("names", [("conv2",), ("conv0",), ("conv0", "conv1")], ids=",".join)
def test_only_the_named_layers_and_the_scores_are_in_float_and_the_pixel_is_the_input(
    names: tuple[str, ...], keras_model, calibration, manifest, answers
) -> None:
    content = convert(
        keras_model, ArtifactSpec("tflite", "mixed", float_layers=names), calibration, manifest
    ).content
    dtypes = weights(content)
    assert {name for name, dtype in dtypes.items() if dtype == "float32"} == {*names, "scores"}
    assert set(dtypes.values()) == {"float32", "int8"}
    (details,) = Interpreter(model_content=content).get_input_details()
    assert (details["dtype"], details["quantization"]) == (np.uint8, (1 / 128, 127))
    assert np.abs(answers(content) - scores(keras_model, calibration)).max() < 0.1


def test_layers_in_float_repair_a_model_that_int8_destroys(
    widened, calibration, manifest, answers
) -> None:
    names = ("conv0", "conv1", "conv2", "conv3")
    content = convert(
        widened, ArtifactSpec("tflite", "mixed", float_layers=names), calibration, manifest
    ).content
    assert np.abs(answers(content) - scores(widened, calibration)).mean() < 0.01


@pytest.mark.parametrize("name", ["conv9", "conv1_bn", "dropout"])
def test_a_layer_without_its_own_operator_is_refused(
    name: str, keras_model, calibration, manifest
) -> None:
    with pytest.raises(InputRefused, match=f"'{name}'.*conv0"):
        convert(
            keras_model,
            ArtifactSpec("tflite", "mixed", float_layers=(name,)),
            calibration,
            manifest,
        )


def test_a_changed_network_is_measured_again(
    trained, calibration, manifest, widen, answers
) -> None:
    """The ranges of one conversion serve the next only if weights and images did not change."""
    model, spec = load_flat_model(trained / "model.keras"), ArtifactSpec("tflite", "int8")
    before = convert(model, spec, calibration, manifest).content
    assert convert(model, spec, calibration, manifest).content == before
    assert convert(model, spec, calibration[:5], manifest).content != before
    widen(model, 1)
    after = convert(model, spec, calibration, manifest).content
    assert np.abs(answers(after) - answers(before)).max() > 0.01
