"""Tests what is read of an ONNX graph against the onnx package."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime.file_formats.onnx import read_onnx_graph
from runtime.file_formats.tensors import Quantization


def test_agrees_with_the_onnx_package_on_an_exported_file(exported: Path) -> None:
    content = (exported / "model.fp32.onnx").read_bytes()
    graph, model = read_onnx_graph(content), onnx.load_from_string(content)
    assert [(node.operator, *node.inputs, *node.outputs) for node in graph.nodes] == [
        (node.op_type, *node.input, *node.output) for node in model.graph.node
    ]
    assert list(graph.outputs) == [output.name for output in model.graph.output]
    assert graph.output_activation() == "softmax"


def _raw(name: str, value: np.generic) -> TensorProto:
    return numpy_helper.from_array(np.array(value), name)


def _typed(name: str, value: np.generic) -> TensorProto:
    kind = helper.np_dtype_to_tensor_dtype(np.array(value).dtype)
    return helper.make_tensor(name, kind, [], [value.item()])


@pytest.mark.parametrize("make", [_raw, _typed])
@pytest.mark.parametrize("zero", [np.int8(-128), np.int8(5), np.uint8(128), np.int32(-7)])
def test_scale_and_zero_point_are_read_from_every_storage(make, zero: np.generic) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["in", "scale", "zero"], ["a"]),
        helper.make_node("QuantizeLinear", ["a", "scale", "zero"], ["out"]),
    ]
    inputs, outputs = (
        helper.make_tensor_value_info(name, TensorProto.INT8, [1]) for name in ("in", "out")
    )
    many = numpy_helper.from_array(np.ones(1000, np.float32), "many")
    graph = helper.make_graph(
        nodes, "g", [inputs], [outputs], [many, make("scale", np.float32(0.5)), make("zero", zero)]
    )
    found = read_onnx_graph(helper.make_model(graph).SerializeToString())
    assert (
        found.input_quantization("in")
        == found.output_quantization("out")
        == Quantization(0.5, int(zero))
    )
    assert found.input_quantization("a") is None
    assert "many" not in found.scalars


def test_ring_of_operators_ends(onnx_model) -> None:
    model = onnx.load(onnx_model())
    model.graph.node.append(helper.make_node("Identity", ["b"], ["scores"]))
    model.graph.node.append(helper.make_node("Identity", ["scores"], ["b"]))
    assert read_onnx_graph(model.SerializeToString()).output_activation() == "other"


def test_damaged_files_never_crash(onnx_model) -> None:
    content, generator = onnx_model().read_bytes(), np.random.default_rng(6)
    for _ in range(500):
        broken = bytearray(content)
        broken[int(generator.integers(len(broken)))] ^= int(generator.integers(1, 256))
        read_onnx_graph(bytes(broken)).output_activation()
