"""Checks that corrected biases of int8 .onnx files compensate for rounded weights."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx import int8
from export.formats.onnx.from_keras import keras_to_onnx
from export.formats.onnx.graph import INPUT, cpu_session
from export.formats.onnx.int8 import quantize_int8
from export.graph.input_normalization import split_input_normalization
from runtime.system.terminal import quiet


@pytest.fixture(scope="module")
def graphs(
    seeded_model, calibration, tmp_path_factory: pytest.TempPathFactory
) -> tuple[onnx.ModelProto, ...]:
    """Returns the trained network in float, and in int8 with and without corrected biases."""
    normalization, inner = split_input_normalization(seeded_model)
    scratch: Path = tmp_path_factory.mktemp("onnx")
    spec = ArtifactSpec("onnx", "int8")
    with quiet(1, 2), pytest.MonkeyPatch.context() as patch:
        prepared = keras_to_onnx(inner, tf.float32, 1, scratch)
        corrected = quantize_int8(prepared, calibration, spec, normalization, scratch)
        patch.setattr(int8, "correct_biases", lambda *_: None)
        plain = quantize_int8(prepared, calibration, spec, normalization, scratch)
    return prepared, corrected.model, plain.model


@pytest.fixture(scope="module")
def images(seeded_model, calibration) -> list[np.ndarray]:
    normalization, _ = split_input_normalization(seeded_model)
    return [normalization.apply(pixels[np.newaxis].transpose(0, 3, 1, 2)) for pixels in calibration]


def channel_means(model: onnx.ModelProto, images: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the mean outputs of each convolution and Dense layer, in the order of the graph."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    names = sorted(node.output[0] for node in model.graph.node if node.op_type in ("Conv", "Gemm"))
    del opened.graph.output[:]
    opened.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    session = cpu_session(opened.SerializeToString())
    runs = [session.run(names, {INPUT: image}) for image in images]
    means = [
        [output.reshape(*output.shape[:2], -1).mean((0, 2)) for output in outputs]
        for outputs in runs
    ]
    return [np.mean(layer, axis=0) for layer in zip(*means, strict=True)]


def test_the_mean_of_a_channel_is_nearer_to_its_float_value(
    graphs, images: list[np.ndarray]
) -> None:
    exact, after, before = (channel_means(graph, images) for graph in graphs)
    assert len(exact) == 5
    errors = [
        [float(np.abs(means[layer] - exact[layer]).mean()) for layer in range(5)]
        for means in (before, after)
    ]
    assert all(less < 0.8 * more for more, less in zip(*errors, strict=True)), errors
    assert sum(errors[1]) < 0.5 * sum(errors[0]), errors


def test_only_biases_change(graphs) -> None:
    _, corrected, plain = graphs
    assert corrected.graph.node == plain.graph.node
    changed = [
        weight
        for weight, old in zip(corrected.graph.initializer, plain.graph.initializer, strict=True)
        if weight != old
    ]
    assert len(changed) == 5
    assert {weight.data_type for weight in changed} == {TensorProto.INT32}
