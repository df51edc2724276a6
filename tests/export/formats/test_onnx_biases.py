"""Biases of int8 .onnx files that make up for what rounded weights do to the mean of a channel."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from export.formats import onnx_int8
from export.formats.onnx_graph import INPUT, body
from export.formats.onnx_int8 import quantize
from export.kind import Kind
from export.normalisation import split_normalisation
from runtime.quantization import Quantization, dequantize
from runtime.quiet import quiet


@pytest.fixture(scope="module")
def graphs(keras_model, calibration, tmp_path_factory: pytest.TempPathFactory) -> tuple[onnx.ModelProto, ...]:
    """The session's network in float, and in int8 with and without corrected biases."""
    normalisation, inner = split_normalisation(keras_model)
    scratch: Path = tmp_path_factory.mktemp("onnx")
    pixel = Quantization(normalisation.scale, normalisation.zero_point)
    with quiet(1, 2), pytest.MonkeyPatch.context() as patch:
        prepared = body(inner, tf.float32, 1, scratch)
        corrected = quantize(prepared, calibration, Kind("onnx", "int8"), pixel, scratch)
        patch.setattr(onnx_int8, "correct_biases", lambda *_: None)
        return prepared, corrected, quantize(prepared, calibration, Kind("onnx", "int8"), pixel, scratch)


@pytest.fixture(scope="module")
def pictures(keras_model, calibration) -> list[np.ndarray]:
    normalisation, _ = split_normalisation(keras_model)
    pixel = Quantization(normalisation.scale, normalisation.zero_point)
    return [dequantize(pixels[np.newaxis].transpose(0, 3, 1, 2), pixel) for pixels in calibration]


def channel_means(model: onnx.ModelProto, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Of what each convolution and Dense layer gives, in the order of the graph."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    names = sorted(node.output[0] for node in model.graph.node if node.op_type in ("Conv", "Gemm"))
    del opened.graph.output[:]
    opened.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = [session.run(names, {INPUT: one}) for one in pictures]
    return [np.mean([one[place].reshape(*one[place].shape[:2], -1).mean((0, 2)) for one in found], axis=0) for place in range(len(names))]


def test_channels_have_on_average_the_values_they_have_in_float(graphs, pictures: list[np.ndarray]) -> None:
    exact, after, before = (channel_means(graph, pictures) for graph in graphs)
    assert len(exact) == 5
    errors = [[float(np.abs(one[layer] - exact[layer]).mean()) for layer in range(5)] for one in (before, after)]
    assert all(less < 0.8 * more for more, less in zip(*errors, strict=True)), errors
    assert sum(errors[1]) < 0.5 * sum(errors[0]), errors


def test_nothing_but_biases_changes(graphs) -> None:
    _, corrected, plain = graphs
    assert corrected.graph.node == plain.graph.node
    changed = [one for one, other in zip(corrected.graph.initializer, plain.graph.initializer, strict=True) if one != other]
    assert len(changed) == 5
    assert {one.data_type for one in changed} == {TensorProto.INT32}
