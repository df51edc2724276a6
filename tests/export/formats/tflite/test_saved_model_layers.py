"""The operators of a SavedModel have names of their own, so single ones can stay in float."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.formats.tflite.layer_errors import layer_errors
from export.inputs.keras_loader import load_flat_model


@pytest.fixture(scope="module")
def saved(keras_model, tmp_path_factory: pytest.TempPathFactory):
    folder = Path(tmp_path_factory.mktemp("saved")) / "model"
    keras_model.export(folder, verbose=False)
    return load_flat_model(folder)


def test_each_layer_has_its_error(saved, calibration) -> None:
    errors = layer_errors(saved, calibration, ArtifactSpec("tflite", "int8"))
    convolutions = [error.layer for error in errors if error.operator == "CONV_2D"]
    assert len(set(convolutions)) == len(convolutions) == 4
    assert all("/conv" in name for name in convolutions)


def test_a_layer_stays_in_float(saved, calibration, manifest) -> None:
    errors = layer_errors(saved, calibration, ArtifactSpec("tflite", "int8"))
    (name,) = [error.layer for error in errors if "conv1" in error.layer]
    spec = ArtifactSpec("tflite", "mixed", float_layers=(name,))
    content = convert(saved, spec, calibration, manifest).content
    tensors = Interpreter(model_content=content).get_tensor_details()
    in_float = {tensor["name"] for tensor in tensors if tensor["dtype"] is np.float32}
    assert any("conv1" in tensor for tensor in in_float)
    assert not any("conv2" in tensor for tensor in in_float if "conv1" not in tensor)
