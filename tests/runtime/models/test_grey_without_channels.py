"""An input (1, height, width), as of Keras' first tutorial on digits, is a grey image."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from runtime import Classifier
from runtime.errors import InputRefused
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import Normalization

SPEC = ModelSpec(("left", "right"), normalization=Normalization((0.0,), (255.0,)))


def write_model(path: Path, shape: tuple[Any, ...]) -> Path:
    """Writes a model whose two scores are the mean grey of the left and of the right half."""
    sides = shape[1:]
    halves = np.zeros((*sides, 2), np.float32)
    halves[:, : sides[1] // 2, ..., 0] = halves[:, sides[1] // 2 :, ..., 1] = 1 / 40
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "halves"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "halves",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (shape[0], 2))],
        [numpy_helper.from_array(halves.reshape(-1, 2), "halves")],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@pytest.mark.parametrize("batch", [1, "N"])
def test_an_image_without_channels_is_fed_as_grey(tmp_path: Path, batch: object) -> None:
    image = Image.new("L", (10, 8))
    image.paste(204, (0, 0, 5, 8))
    path = write_model(tmp_path / "grey.onnx", (batch, 8, 10))
    classifier = Classifier(path, spec=SPEC._replace(scores="probabilities"))
    scores = {answer.label: answer.score for answer in classifier.classify(image)}
    assert scores == pytest.approx({"left": 0.8, "right": 0.0})
    assert (classifier.preprocessing.height, classifier.preprocessing.width) == (8, 10)


@pytest.mark.parametrize("shape", [(8, 10, 3), (1, 3, 10), (2, 8, 10)])
def test_other_inputs_of_three_axes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write_model(tmp_path / "other.onnx", shape)
    with pytest.raises(InputRefused, match="expected an input of one image"):
        Classifier(path, spec=SPEC)
