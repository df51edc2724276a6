"""Checks the ranges and weight scales of int8 .onnx files."""

from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import calibrate

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx import int8
from export.formats.onnx.from_keras import keras_to_onnx
from export.formats.onnx.graph import ConvertedGraph, add_image_input
from export.formats.onnx.int8 import quantize_int8
from export.formats.onnx.integers.weight_scales import weight_overrides
from export.formats.onnx.stable_names import rename_nodes
from export.graph.input_normalization import split_input_normalization
from export.graph.input_quantization import InputQuantization
from runtime.system.terminal import quiet


@pytest.fixture(scope="module")
def quantized(keras_model, calibration, tmp_path_factory: pytest.TempPathFactory):
    """Returns a function that makes an int8 graph of the trained network."""
    normalization, inner = split_input_normalization(keras_model)
    scratch = tmp_path_factory.mktemp("onnx")
    with quiet(1, 2):
        prepared = keras_to_onnx(inner, tf.float32, 1, scratch)

    def make(pixels: np.ndarray, **spec: str) -> onnx.ModelProto:
        with quiet(1, 2):
            return quantize_int8(
                prepared, pixels, ArtifactSpec("onnx", "int8", **spec), normalization, scratch
            ).model

    return make


def activation_scales(model: onnx.ModelProto) -> list[float]:
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    return [
        weights[node.input[1]].item()
        for node in model.graph.node
        if node.op_type == "QuantizeLinear"
    ]


def test_percentile_cuts_the_ends_off_and_minmax_does_not(quantized, calibration) -> None:
    wide, cut = (
        np.array(activation_scales(quantized(calibration, ranges=ranges)))
        for ranges in ("minmax", "percentile")
    )
    assert (cut <= wide).all()
    assert (cut < wide)[1:].all(), "all but the fixed range of the input"
    assert np.min(cut[1:] / wide[1:]) < 0.99, "the largest values of some layer are rare"


def test_percentile_holds_the_activations_of_one_image_at_a_time(
    quantized, calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    collect = calibrate.HistogramCollector.collect

    def watched(self: calibrate.HistogramCollector, arrays: dict[str, list[np.ndarray]]) -> None:
        held.append(max(map(len, arrays.values())))
        collect(self, arrays)

    monkeypatch.setattr(calibrate.HistogramCollector, "collect", watched)
    quantized(calibration[:7], ranges="percentile")
    assert held == [1] * 7


def test_every_image_changes_the_ranges(quantized, calibration) -> None:
    """ONNX Runtime 1.32's option to save memory, CalibMaxIntermediateOutputs, drops images."""
    dark = np.full_like(calibration[:8], 127)
    alone = np.array(activation_scales(quantized(calibration[5:6])))
    assert (np.array(activation_scales(quantized(dark))) < 0.5 * alone).any(), "else it is no test"
    for place in (0, 3, 7):
        pixels = dark.copy()
        pixels[place] = calibration[5]
        assert (np.array(activation_scales(quantized(pixels))) > 0.5 * alone).all()


def test_a_mixed_graph_needs_no_image_once_the_int8_one_is_made(
    quantized, calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    get_next = int8._Reader.get_next

    def watched(self: int8._Reader) -> dict[str, np.ndarray] | None:
        shown.append(1)
        return get_next(self)

    monkeypatch.setattr(int8._Reader, "get_next", watched)
    monkeypatch.setattr(int8, "_measured", {})
    plain = quantized(calibration)
    before = len(shown)
    assert before >= 2 * len(calibration), "ranges, and errors of biases"
    assert quantized(calibration) == plain
    first = next(node.name for node in plain.graph.node if node.op_type == "Conv")
    mixed = quantized(calibration, float_layers=(first,))
    assert len(shown) == before
    assert len(rows(mixed)) == 4
    monkeypatch.setattr(int8, "_measured", {})
    assert quantized(calibration, float_layers=(first,)) == mixed, "whatever was made before"
    quantized(calibration[1:], float_layers=(first,))
    assert len(int8._measured) == 2


def rows(model: onnx.ModelProto) -> list[np.ndarray]:
    """Returns (channels, weights) int8 of each Conv and Gemm in the order of multiplication."""
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    layers = []
    for weight in weights.values():
        if weight.dtype == np.int8 and weight.ndim == 4:
            layers.append(weight.transpose(0, 2, 3, 1).reshape(len(weight), -1))
        elif weight.dtype == np.int8 and weight.ndim == 2:
            layers.append(weight.T)
    return layers


def test_no_pair_of_weights_can_overflow_sixteen_bits_and_most_bits_are_used(
    quantized, calibration
) -> None:
    layers = rows(quantized(calibration))
    assert len(layers) == 5
    for weights in layers:
        padded = np.pad(weights.astype(int), ((0, 0), (0, weights.shape[1] % 2)))
        pairs = padded.reshape(len(weights), -1, 2)
        for sign in (1, -1):
            assert (255 * np.maximum(sign * pairs, 0).sum(axis=2)).max() < 2**15
    largest = np.concatenate([np.abs(weights.astype(int)).max(axis=1) for weights in layers])
    assert largest.mean() > 75, "with 7 bits for each weight it would be 64 at most"


def test_scale_of_a_channel_is_its_largest_sum_of_two_neighbours_over_127(tmp_path: Path) -> None:
    weights = np.array(
        [[[[3.0]], [[1.0]], [[2.0]]], [[[-1.0]], [[-2.0]], [[0.5]]], [[[0.0]], [[0.0]], [[0.0]]]],
        np.float32,
    )
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 2, 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    channels = weight_overrides(helper.make_model(graph))["w"]
    assert channels[0]["axis"] == 0
    assert [channel["scale"].item() for channel in channels[:2]] == pytest.approx(
        [4 / 127, 3 / 127]
    )
    assert channels[2]["scale"] > 0


def small_residual(rescaling: tuple[float, float]) -> keras.Model:
    """Returns a network on x * scale + offset with three sums (two add a sum) and a mean."""
    keras.utils.set_random_seed(3)
    drawn = keras.initializers.RandomNormal(stddev=0.05)
    pixels = keras.Input((24, 24, 3))
    value = keras.layers.Conv2D(8, 3, padding="same", activation="relu", bias_initializer=drawn)(
        keras.layers.Rescaling(*rescaling)(pixels)
    )
    for _ in range(3):
        value = keras.layers.Add()(
            [value, keras.layers.Conv2D(8, 3, padding="same", bias_initializer=drawn)(value)]
        )
    pooled = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Conv2D(16, 1, activation="relu", bias_initializer=drawn)(value)
    )
    return keras.Model(
        pixels, keras.layers.Dense(4, activation="softmax", bias_initializer=drawn)(pooled)
    )


def converted_network(model: keras.Model, folder: Path) -> ConvertedGraph:
    pixels = np.random.default_rng(5).integers(0, 256, (20, 24, 24, 3)).astype(np.uint8)
    normalization, inner = split_input_normalization(model)
    with quiet(1, 2):
        prepared = keras_to_onnx(inner, tf.float32, 1, folder)
        return quantize_int8(prepared, pixels, ArtifactSpec("onnx", "int8"), normalization, folder)


def quantized_network(model: keras.Model, folder: Path) -> onnx.ModelProto:
    return converted_network(model, folder).model


def fused(
    model: onnx.ModelProto, folder: Path
) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """Returns the nodes and weights that ONNX Runtime makes of a graph."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "fused.onnx")
    options.log_severity_level = 4
    add_image_input(model)
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    graph = onnx.load(folder / "fused.onnx").graph
    return list(graph.node), {
        weight.name: numpy_helper.to_array(weight) for weight in graph.initializer
    }


def test_no_sum_and_no_mean_can_be_half_way_between_two_steps(tmp_path: Path) -> None:
    nodes, weights = fused(
        quantized_network(small_residual((1 / 128, -127 / 128)), tmp_path), tmp_path
    )
    steps = np.arange(-255, 256)
    sums = [node for node in nodes if node.op_type == "QLinearAdd"]
    assert len(sums) == 3
    for node in sums:
        first, second = (
            weights[node.input[place]].astype(float) / weights[node.input[6]] for place in (1, 4)
        )
        total = steps[:, None] * first + steps * second
        assert np.abs(total - np.floor(total) - 0.5).min() > 4e-4
    (mean,) = [node for node in nodes if node.op_type == "QLinearGlobalAveragePool"]
    values = np.arange(255 * 24 * 24) * (
        weights[mean.input[1]].astype(float) / weights[mean.input[3]] / 24**2
    )
    values = values[values < 256]
    assert np.abs(values - np.floor(values) - 0.5).min() > 4e-5


def test_pixel_arithmetic_without_a_fitting_zero_point_stays_in_float(
    tmp_path: Path,
) -> None:
    """x / 127.5 - 1 puts every pixel half-way between steps of 2 / 255: x86 and ARM differ."""
    nodes, _ = fused(quantized_network(small_residual((1 / 127.5, -1.0)), tmp_path), tmp_path)
    operators = [node.op_type for node in nodes]
    assert "QLinearMul" not in operators
    assert operators.count("QLinearAdd") == 3


def test_sums_and_means_that_may_differ_elsewhere_give_a_warning(tmp_path: Path) -> None:
    residual = small_residual((1 / 128, -127 / 128))
    assert converted_network(residual, tmp_path).warnings == ()
    pixels = keras.Input((24, 24, 3))
    value = keras.layers.Conv2D(8, 3, padding="same")(
        keras.layers.Rescaling(1 / 128, -127 / 128)(pixels)
    )
    # A hard swish has a sum with a constant.
    value = keras.layers.Multiply()([value, keras.layers.ReLU(6.0)(value + 3.0)])
    # The product reads what the mean reads.
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(value)
    value = keras.layers.Multiply()([value, keras.layers.Conv2D(8, 1, activation="sigmoid")(mean)])
    scores = keras.layers.Dense(4, activation="softmax")(keras.layers.Flatten()(value))
    model, (warning,) = converted_network(keras.Model(pixels, scores), tmp_path)
    nodes, _ = fused(model, tmp_path)
    assert [node.op_type for node in nodes].count("QLinearAdd") == 1
    assert warning.startswith(
        "2 of its sums and means may differ by one step on another kind of processor ("
    )
    assert warning.endswith(", ...); --device-check cortex-a72 measures the effect")


def test_biases_fit_the_scales_that_were_changed(tmp_path: Path) -> None:
    model = quantized_network(small_residual((1 / 128, -127 / 128)), tmp_path)
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    producers = {node.output[0]: node for node in model.graph.node}
    layers = [
        node
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm") and len(node.input) == 3
    ]
    assert len(layers) == 6
    for node in layers:
        value, weight, bias = (weights[producers[name].input[1]] for name in node.input)
        np.testing.assert_allclose(bias, value * weight, rtol=1e-5)


def test_the_order_of_the_nodes_does_not_change_the_result(tmp_path: Path) -> None:
    model = quantized_network(small_residual((1 / 128, -127 / 128)), tmp_path)
    shuffled = onnx.ModelProto()
    shuffled.CopyFrom(model)
    weights = {weight.name for weight in shuffled.graph.initializer}
    independent = [node for node in shuffled.graph.node if set(node.input) <= weights]
    for node in independent:
        shuffled.graph.node.remove(node)
    for node in independent:  # in reverse
        shuffled.graph.node.insert(0, node)
    rename_nodes(model)
    rename_nodes(shuffled)
    assert model.graph == shuffled.graph


def test_network_with_attention_quantizes_only_products_with_weights(tmp_path: Path) -> None:
    """The sums between the blocks of a transformer do not survive one scale for all channels."""
    generator = np.random.default_rng(1)
    names = ("query", "key", "dense")
    weights = [
        numpy_helper.from_array(generator.normal(0, 0.3, (3, 3)).astype(np.float32), name)
        for name in names
    ]
    nodes = [
        helper.make_node("Reshape", ["pixels", "tokens"], ["t"], "tokens"),
        helper.make_node("MatMul", ["t", "query"], ["q"], "q"),
        helper.make_node("MatMul", ["t", "key"], ["k"], "k"),
        helper.make_node("Transpose", ["k"], ["kt"], "kt", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "kt"], ["a"], "attention"),
        helper.make_node("MatMul", ["a", "t"], ["v"], "v"),
        helper.make_node("Add", ["v", "t"], ["s"], "sum"),
        helper.make_node("ReduceMean", ["s"], ["m"], "mean", axes=[1], keepdims=0),
        helper.make_node("MatMul", ["m", "dense"], ["scores"], "scores"),
    ]
    graph = helper.make_graph(
        nodes,
        "attention",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])],
        [*weights, numpy_helper.from_array(np.array([1, 16, 3]), "tokens")],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=opsets, ir_version=8)
    )
    pixels = generator.integers(0, 256, (4, 4, 4, 3)).astype(np.uint8)
    spec = ArtifactSpec("onnx", "int8")
    made = quantize_int8(model, pixels, spec, InputQuantization(1 / 255, 0), tmp_path).model
    producers = {name: node.op_type for node in made.graph.node for name in node.output}
    readers = {node.name: node for node in made.graph.node}
    for name, kind in (("q", "DequantizeLinear"), ("scores", "DequantizeLinear")):
        assert producers[readers[name].input[0]] == kind
    quantized = {node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"}
    assert {"q", "k"} <= quantized
    assert not {"a", "v", "s"} & quantized
