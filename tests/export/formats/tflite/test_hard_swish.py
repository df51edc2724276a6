"""Checks that hard swish leaves an int8 `.tflite` in one piece, as XNNPACK runs it fast."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert


@pytest.fixture(scope="module")
def network(calibration) -> keras.Model:
    """Returns two convolutions, each with hard swish after it."""
    inputs = keras.Input(calibration.shape[1:])
    x = layers.Rescaling(1 / 128, -127 / 128)(inputs)
    for _ in range(2):
        x = layers.Activation("hard_silu")(layers.Conv2D(8, 3, 2)(x))
    return keras.Model(inputs, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(("io", "pieces"), [("uint8", 1), ("int8", 3)])
def test_int8_file_with_float_scores_runs_in_one_piece(
    io: str, pieces: int, network, calibration, manifest
) -> None:
    content = convert(network, ArtifactSpec("tflite", "int8", io=io), calibration, manifest).content
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    kinds = [operator["op_name"] for operator in interpreter._get_ops_details()]
    assert kinds.count("DELEGATE") == pieces
    weights = [tensor for tensor in interpreter.get_tensor_details() if len(tensor["shape"]) == 4]
    assert np.int8 in {tensor["dtype"] for tensor in weights}, "the convolutions stay in integers"
