"""Tests models whose data lie in files beside them, and files that try to read others."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from PIL import Image

from runtime import Classifier
from runtime.errors import InputRefused
from runtime.file_formats.read_model_file import read_model_file
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import UNNORMALIZED

SPEC = ModelSpec(("a", "b", "c"), normalization=UNNORMALIZED)
IMAGE = Image.linear_gradient("L").convert("RGB")
Change = Callable[[onnx.TensorProto], object]


def network() -> onnx.ModelProto:
    """A convolution and a product, with a constant in a subgraph of an If."""
    random = np.random.default_rng(3)
    weights = numpy_helper.from_array(
        random.normal(0, 0.01, (3, 3, 8, 8)).astype("f4"), "convolution"
    )
    shift = numpy_helper.from_array(np.float32([[0.5, -0.5, 1.0]]), "shift")
    yes = numpy_helper.from_array(np.array(True), "yes")
    float_info = helper.make_tensor_value_info
    branch = helper.make_graph(
        [helper.make_node("Add", ["flat", "shift"], ["sum"])],
        "branch",
        [],
        [float_info("sum", 1, None)],
        [shift],
    )
    nodes = [
        helper.make_node("Conv", ["pixels", "convolution"], ["map"]),
        helper.make_node("Flatten", ["map"], ["flat"]),
        helper.make_node("If", ["yes"], ["logits"], then_branch=branch, else_branch=branch),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [float_info("pixels", TensorProto.FLOAT, [1, 3, 8, 8])],
        [float_info("logits", TensorProto.FLOAT, [1, 3])],
        [weights, yes],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def split_model(tmp_path: Path) -> Callable[..., Path]:
    """Saves the network with its data beside it; `change` gets the convolution's tensor."""

    def make(change: Change = lambda tensor: None, one_file: bool = True) -> Path:
        model = network()
        external_data_helper.convert_model_to_external_data(
            model, one_file, "model.onnx.data", size_threshold=0, convert_attribute=True
        )
        path = tmp_path / "model.onnx"
        model = external_data_helper.write_external_data_tensors(model, str(tmp_path))
        change(model.graph.initializer[0])
        path.write_bytes(model.SerializeToString())
        return path

    return make


def setting(**values: str) -> Change:
    """Sets the values of some keys of external_data; None removes one."""

    def change(tensor: onnx.TensorProto) -> None:
        kept = {entry.key: entry.value for entry in tensor.external_data} | values
        del tensor.external_data[:]
        for key, value in kept.items():
            if value is not None:
                tensor.external_data.add(key=key, value=value)

    return change


@pytest.mark.parametrize("one_file", [True, False])
def test_both_files_give_the_scores_of_one(split_model, tmp_path: Path, one_file: bool) -> None:
    whole = tmp_path / "whole" / "model.onnx"
    whole.parent.mkdir()
    onnx.save(network(), whole)
    path = split_model(one_file=one_file)
    assert path.stat().st_size < whole.stat().st_size
    assert Classifier(path, spec=SPEC).classify(IMAGE) == Classifier(whole, spec=SPEC).classify(
        IMAGE
    )
    inside = onnx.load_from_string(read_model_file(path))
    onnx.checker.check_model(inside)
    assert [numpy_helper.to_array(tensor).tolist() for tensor in inside.graph.initializer] == [
        numpy_helper.to_array(tensor).tolist() for tensor in network().graph.initializer
    ]


def test_a_location_with_a_dot_and_no_length_is_read(split_model) -> None:
    path = split_model(setting(location="./model.onnx.data"))
    assert Classifier(path, spec=SPEC).classify(IMAGE)
    one = split_model(setting(length=None), one_file=False)
    assert Classifier(one, spec=SPEC).classify(IMAGE)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"location": "/etc/passwd"}, "lie in '/etc/passwd'; expected a file in the folder"),
        ({"location": "../model.onnx.data"}, "expected a file in the folder of the model"),
        ({"location": ".."}, "expected a file in the folder of the model"),
        ({"location": "a\\b"}, "expected a file in the folder of the model"),
        ({"location": ""}, "expected a file in the folder of the model"),
        ({"location": None}, "expected a file in the folder of the model"),
        ({"location": "folder"}, "folder is no regular file|folder: "),
        ({"location": "pipe"}, "pipe is no regular file"),
        ({"location": "link"}, "its data file link is a link; copy the file itself"),
        ({"location": "gone"}, "its data file gone is missing; copy it to the same folder"),
        ({"location": "x" * 300}, "File name too long"),
        ({"offset": "4000"}, r"is at bytes 4000 to \d+ of model.onnx.data, which has \d+"),
        ({"length": "99999999"}, r"is at bytes 0 to 99999999 of model.onnx.data"),
        ({"offset": "-1"}, "expected a whole number as offset .*, found '-1'"),
        ({"length": "9" * 40}, "expected a whole number as length"),
        ({"length": "8"}, "ONNX Runtime cannot load it"),
    ],
    ids=str,
)
def test_other_places_and_sizes_are_refused(
    split_model, tmp_path: Path, values: dict[str, str], reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    path = split_model(setting(**values))
    with pytest.raises(InputRefused, match=f"model.onnx: .*({reason})") as refusal:
        Classifier(path, spec=SPEC)
    assert "\n" not in str(refusal.value)


def test_a_small_file_that_states_much_data_is_refused(tmp_path: Path) -> None:
    """A thousand tensors that all name the same megabyte would take a gigabyte."""
    model = network()
    for number in range(1000):
        tensor = model.graph.initializer.add(name=f"t{number}", data_type=2, dims=[2**20])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="data")
    (tmp_path / "data").write_bytes(bytes(2**20))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputRefused, match="state more data than one model may hold, or data has"):
        read_model_file(path)


def test_a_file_that_is_cut_anywhere_is_refused_or_ends_there(split_model) -> None:
    path = split_model()
    content = path.read_bytes()
    for end in range(8, len(content)):
        path.write_bytes(content[:end])
        with suppress(InputRefused):
            read_model_file(path)
