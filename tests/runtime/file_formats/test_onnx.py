"""Tests that ONNX files are read without the onnx package, and that external data are found."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime.errors import InputRefused
from runtime.file_formats.onnx import read_onnx_file


def test_reads_versions_and_domains(onnx_model) -> None:
    found = read_onnx_file(
        "small.onnx", onnx_model(op="QuantumLayer", domain="com.example").read_bytes()
    )
    assert (found.ir_version, dict(found.opsets), found.external) == (
        8,
        {"": 17, "com.example": 1},
        (),
    )


def test_agrees_with_the_onnx_package_on_an_exported_file(exported: Path) -> None:
    content = (exported / "model.fp32.onnx").read_bytes()
    model = onnx.load_from_string(content)
    found = read_onnx_file("model.onnx", content)
    assert found.ir_version == model.ir_version
    assert found.opsets == {entry.domain: entry.version for entry in model.opset_import}


def external_tensor(name: str, *, location_only: bool = False) -> onnx.TensorProto:
    tensor = TensorProto(
        name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL
    )
    if not location_only:
        tensor.external_data.add(key="location", value="w.bin")
    return tensor


def _initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(external_tensor("hidden"))


def _without_a_location(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(external_tensor("hidden", location_only=True))


def _constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(
        helper.make_node("Constant", [], ["c"], value=external_tensor("hidden"))
    )


def _branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [external_tensor("hidden")])
    model.graph.node.append(
        helper.make_node("If", ["condition"], ["c"], then_branch=branch, else_branch=branch)
    )


def _sparse(model: onnx.ModelProto) -> None:
    indices = numpy_helper.from_array(np.array([0, 1]), "indices")
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(external_tensor("hidden"), indices, [9])
    )


def _function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=external_tensor("hidden"))
    model.functions.append(
        helper.make_function("d", "f", [], ["c"], [node], [helper.make_opsetid("", 17)])
    )


def _training(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.initializer.append(external_tensor("hidden"))


@pytest.mark.parametrize(
    "hide", [_initializer, _without_a_location, _constant, _branch, _sparse, _function, _training]
)
def test_finds_external_data_wherever_a_tensor_can_be(onnx_model, hide) -> None:
    model = onnx.load(onnx_model())
    hide(model)
    assert set(read_onnx_file("small.onnx", model.SerializeToString()).external) == {"hidden"}


def test_damaged_files_are_refused_or_read_and_never_crash(onnx_model) -> None:
    content = onnx_model().read_bytes()
    generator = np.random.default_rng(5)
    refused = 0
    for number in range(600):
        broken = (
            bytearray(content[: int(generator.integers(1, len(content)))])
            if number % 2
            else bytearray(content)
        )
        broken[int(generator.integers(len(broken)))] ^= int(generator.integers(1, 256))
        try:
            read_onnx_file("broken.onnx", bytes(broken))
        except InputRefused:
            refused += 1
    assert 200 < refused < 600


def test_nesting_without_end_is_refused() -> None:
    graph = b""
    for _ in range(2000):
        attribute = b"\x32" + _length(graph) + graph
        node = b"\x2a" + _length(attribute) + attribute
        graph = b"\x0a" + _length(node) + node
    with pytest.raises(InputRefused, match="cannot load it: not an ONNX model, or a damaged one"):
        read_onnx_file("deep.onnx", b"\x3a" + _length(graph) + graph)


def _length(content: bytes) -> bytes:
    number, found = len(content), []
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def test_zeros_are_refused_at_the_first_field() -> None:
    """A power cut leaves them, and to walk over those of 20 MB took 11 s."""
    with pytest.raises(InputRefused, match="cannot load it: not an ONNX model, or a damaged one"):
        read_onnx_file("model.onnx", bytes(1000))
