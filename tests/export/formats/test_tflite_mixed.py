"""A mixed .tflite: int8, the named layers in float, the raw pixel in."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.formats.tflite import convert
from export.keras_model import scores
from export.kind import Kind
from runtime.errors import InputRefused


def weights(content: bytes) -> dict[str, str]:
    """The dtype of each convolution's and Dense layer's kernel, by layer."""
    tensors = [one for one in Interpreter(model_content=content).get_tensor_details() if len(one["shape"]) >= 2]
    parts = ("/convolution", "/MatMul")
    kernels = {one["name"].split("/")[1]: np.dtype(one["dtype"]).name for one in tensors if one["name"].endswith(parts)}
    return {name.removesuffix("_1"): dtype for name, dtype in kernels.items()}


@pytest.mark.parametrize("names", [("conv2",), ("conv0",), ("conv0", "conv1", "scores")], ids=",".join)
def test_the_named_layers_are_in_float_the_others_in_int8_and_the_pixel_is_the_input(
    names: tuple[str, ...], keras_model, calibration, manifest, answers
) -> None:
    content = convert(keras_model, Kind("tflite", "mixed", float_layers=names), calibration, manifest)
    found = weights(content)
    assert {name for name, dtype in found.items() if dtype == "float32"} == set(names)
    assert set(found.values()) == {"float32", "int8"}
    (details,) = Interpreter(model_content=content).get_input_details()
    assert (details["dtype"], details["quantization"]) == (np.uint8, (1 / 128, 127))
    assert np.abs(answers(content) - scores(keras_model, calibration)).max() < 0.1


def test_layers_in_float_repair_what_int8_destroys(widened, calibration, manifest, answers) -> None:
    names = ("conv0", "conv1", "conv2", "conv3")
    content = convert(widened, Kind("tflite", "mixed", float_layers=names), calibration, manifest)
    assert np.abs(answers(content) - scores(widened, calibration)).mean() < 0.01


@pytest.mark.parametrize("name", ["conv9", "conv1_bn", "dropout"])
def test_a_layer_without_an_operator_of_its_own_is_refused(name: str, keras_model, calibration, manifest) -> None:
    with pytest.raises(InputRefused, match=f"'{name}'.*conv0"):
        convert(keras_model, Kind("tflite", "mixed", float_layers=(name,)), calibration, manifest)


def test_a_changed_network_is_measured_anew(trained, calibration, manifest, widen, answers) -> None:
    """One conversion's ranges serve the next only where neither weights nor pictures changed."""
    from export.keras_model import load

    model, kind = load(trained / "model.keras"), Kind("tflite", "int8")
    before = convert(model, kind, calibration, manifest)
    assert convert(model, kind, calibration, manifest) == before
    assert convert(model, kind, calibration[:5], manifest) != before
    widen(model, 1)
    after = convert(model, kind, calibration, manifest)
    assert np.abs(answers(after) - answers(before)).max() > 0.01
