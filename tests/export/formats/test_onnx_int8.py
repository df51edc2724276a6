"""Ranges and weight scales of the int8 .onnx files."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import calibrate

from export.formats.onnx_graph import body
from export.formats.onnx_int8 import quantize
from export.formats.onnx_scales import weight_overrides
from export.kind import Kind
from export.normalisation import split_normalisation
from runtime.quantization import Quantization
from runtime.quiet import quiet


@pytest.fixture(scope="module")
def quantized(keras_model, calibration, tmp_path_factory: pytest.TempPathFactory):
    """Makes an int8 graph of the session's network from the first `count` calibration pictures."""
    normalisation, inner = split_normalisation(keras_model)
    scratch = tmp_path_factory.mktemp("onnx")
    with quiet(1, 2):
        prepared = body(inner, tf.float32, 1, scratch)

    def make(pixels: np.ndarray, **kind: str) -> onnx.ModelProto:
        with quiet(1, 2):
            pixel = Quantization(normalisation.scale, normalisation.zero_point)
            return quantize(prepared, pixels, Kind("onnx", "int8", **kind), pixel, scratch)

    return make


def activation_scales(model: onnx.ModelProto) -> list[float]:
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    return [weights[node.input[1]].item() for node in model.graph.node if node.op_type == "QuantizeLinear"]


def test_percentile_cuts_the_ends_off_and_minmax_does_not(quantized, calibration) -> None:
    wide, cut = (np.array(activation_scales(quantized(calibration, ranges=ranges))) for ranges in ("minmax", "percentile"))
    assert (cut <= wide).all()
    assert (cut < wide)[1:].all(), "all but the input's, which is given"
    assert np.median(cut[1:] / wide[1:]) < 0.99, "few of these layers' largest values are more than rare"


def test_percentile_holds_the_activations_of_one_picture_at_a_time(quantized, calibration, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    collect = calibrate.HistogramCollector.collect

    def watched(self: calibrate.HistogramCollector, arrays: dict[str, list[np.ndarray]]) -> None:
        held.append(max(map(len, arrays.values())))
        collect(self, arrays)

    monkeypatch.setattr(calibrate.HistogramCollector, "collect", watched)
    quantized(calibration[:7], ranges="percentile")
    assert held == [1] * 7


def test_every_picture_counts(quantized, calibration) -> None:
    """ONNX Runtime 1.32's own way to save memory, CalibMaxIntermediateOutputs, drops what it has collected."""
    dark = np.full_like(calibration[:8], 127)
    for place in (0, 3, 7):
        pixels = dark.copy()
        pixels[place] = calibration[5]
        assert activation_scales(quantized(pixels)) == pytest.approx(activation_scales(quantized(calibration[5:6])), rel=0.5)


def rows(model: onnx.ModelProto) -> list[np.ndarray]:
    """(channels, weights) int8 of each Conv and Gemm, in the order they are multiplied in."""
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    found = []
    for weight in weights.values():
        if weight.dtype == np.int8 and weight.ndim == 4:
            found.append(weight.transpose(0, 2, 3, 1).reshape(len(weight), -1))
        elif weight.dtype == np.int8 and weight.ndim == 2:
            found.append(weight.T)
    return found


def test_no_pair_of_weights_can_overflow_sixteen_bits_and_most_bits_are_used(quantized, calibration) -> None:
    found = rows(quantized(calibration))
    assert len(found) == 5
    for weights in found:
        pairs = np.pad(weights.astype(int), ((0, 0), (0, weights.shape[1] % 2))).reshape(len(weights), -1, 2)
        for sign in (1, -1):
            assert (255 * np.maximum(sign * pairs, 0).sum(axis=2)).max() < 2**15
    largest = np.concatenate([np.abs(weights.astype(int)).max(axis=1) for weights in found])
    assert largest.mean() > 75, "with 7 bits for each weight it would be 64 at most"


def test_scale_of_a_channel_is_its_largest_sum_of_two_neighbours_over_127(tmp_path: Path) -> None:
    weights = np.array([[[[3.0]], [[1.0]], [[2.0]]], [[[-1.0]], [[-2.0]], [[0.5]]], [[[0.0]], [[0.0]], [[0.0]]]], np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 2, 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    channels = weight_overrides(helper.make_model(graph))["w"]
    assert channels[0]["axis"] == 0
    assert [one["scale"].item() for one in channels[:2]] == pytest.approx([4 / 127, 3 / 127])
    assert channels[2]["scale"] > 0
