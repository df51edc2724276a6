"""What the exported .onnx files are made of, and what they answer."""

import ast
import json
from collections import Counter

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers
from onnx import numpy_helper

from export.formats.onnx import PRECISIONS, convert
from export.formats.onnx_graph import IR_VERSION, OPSET
from export.kind import Kind
from runtime.errors import CheckFailed
from runtime.preprocess import Preprocessing
from train.backbones import BACKBONES
from train.model import build_model
from train.options import TrainOptions
from train.settings import settle

TOLERANCE = {"fp32": 1e-5, "fp16": 1e-2, "dynamic": 0.05, "int8": 0.15}


@pytest.fixture(scope="module")
def contents(keras_model, calibration, manifest) -> dict[str, bytes]:
    return {precision: convert(keras_model, Kind("onnx", precision), calibration, manifest) for precision in PRECISIONS}


def session(content: bytes, **entries: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    for name, value in entries.items():
        options.add_session_config_entry(f"session.{name}", value)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def scores(content: bytes, pixels: np.ndarray, **entries: str) -> np.ndarray:
    opened = session(content, **entries)
    return np.concatenate([opened.run(None, {"pixels": one[np.newaxis]})[0] for one in pixels])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_takes_one_raw_uint8_picture_and_gives_keras_scores(contents, precision: str, keras_model, calibration) -> None:
    (pixels,) = session(contents[precision]).get_inputs()
    assert (pixels.name, pixels.type, pixels.shape) == ("pixels", "tensor(uint8)", [1, 64, 64, 3])
    expected = keras_model.predict_on_batch(calibration.astype(np.float32))
    np.testing.assert_allclose(scores(contents[precision], calibration), expected, atol=TOLERANCE[precision])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_is_one_file_of_standard_ops_for_old_interpreters_with_the_manifest_inside(contents, precision: str, manifest) -> None:
    model = onnx.load_from_string(contents[precision])
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": OPSET}
    assert model.ir_version == IR_VERSION == {row[2]: row[1] for row in onnx.helper.VERSION_TABLE}[OPSET]
    assert all(node.domain == "" for node in model.graph.node)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert tuple(json.loads(properties["quince.json"])["labels"]) == manifest.labels


@pytest.mark.parametrize("precision", PRECISIONS)
def test_says_what_ultralytics_writes(contents, precision: str, manifest) -> None:
    properties = {entry.key: entry.value for entry in onnx.load_from_string(contents[precision]).metadata_props}
    assert ast.literal_eval(properties["names"]) == dict(enumerate(manifest.labels))
    assert ast.literal_eval(properties["imgsz"]) == [64, 64]
    assert {name: properties[name] for name in ("task", "stride", "batch", "channels")} == {
        "task": "classify",
        "stride": "1",
        "batch": "1",
        "channels": "3",
    }


def test_weights_in_fewer_bits_make_smaller_files(contents) -> None:
    assert len(contents["int8"]) < len(contents["fp16"]) < len(contents["fp32"])
    assert len(contents["dynamic"]) < len(contents["fp16"])


def test_pixel_is_the_quantized_input_of_int8(contents) -> None:
    graph = onnx.load_from_string(contents["int8"]).graph
    (first,) = [node for node in graph.node if node.input[0] == "pixels"]
    assert first.op_type == "Transpose"
    (second,) = [node for node in graph.node if first.output[0] in node.input]
    weights = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    assert second.op_type == "DequantizeLinear"
    assert [weights[name].item() for name in second.input[1:]] == [1 / 128, 127]


def test_int8_answers_alike_where_the_processor_saturates_and_where_it_does_not(contents) -> None:
    """On x86 without VNNI the plain run uses the saturating instruction, the other one never does."""
    pixels = np.random.default_rng(3).choice([0, 255], (20, 64, 64, 3)).astype(np.uint8)
    exact = scores(contents["int8"], pixels, x64quantprecision="1")
    np.testing.assert_array_equal(scores(contents["int8"], pixels), exact)


def _mobilenet_v2() -> keras.Model:
    """keras.applications' own, with a normalisation before it and BatchNorm that does something."""
    inner = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=5)
    generator = np.random.default_rng(1)
    for layer in inner.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, inner(layers.Rescaling(1 / 128, -127 / 128)(inputs)))


@pytest.fixture(scope="module", params=["efficientnet-lite0", "mobilenet-v2"])
def deep(request: pytest.FixtureRequest, calibration) -> tuple[keras.Model, np.ndarray]:
    if request.param == "mobilenet-v2":
        return _mobilenet_v2(), calibration[:2, :32, :32]
    return build_model(BACKBONES["efficientnet-lite0"], Preprocessing(32, 32), 5, settle(TrainOptions())), calibration[:2, :32, :32]


RESIDUALS = {"efficientnet-lite0": 9, "mobilenet-v2": 10}


def test_nothing_is_left_of_layout_normalisations_and_padding(deep, manifest, request: pytest.FixtureRequest) -> None:
    model, pixels = deep
    content = convert(model, Kind("onnx", "int8"), pixels, manifest)
    nodes = onnx.load_from_string(content).graph.node
    counts = Counter(node.op_type for node in nodes)
    residuals = RESIDUALS[request.node.callspec.params["deep"]]
    assert (counts["Transpose"], nodes[0].op_type) == (1, "Transpose")
    assert (counts["Add"], counts["Mul"], counts["BatchNormalization"], counts["Pad"], counts["Cast"]) == (residuals, 0, 0, 0, 0)


def test_model_without_a_plain_normalisation_keeps_its_arithmetic(calibration, manifest) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(4, 3, strides=2)(layers.Rescaling([1 / 128, 1 / 100, 1 / 90], [0.1, 0.2, 0.3])(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    content = convert(model, Kind("onnx", "int8"), calibration, manifest)
    expected = model.predict_on_batch(calibration.astype(np.float32))
    np.testing.assert_allclose(scores(content, calibration), expected, atol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_batch_answers_for_each_picture_as_if_alone(contents, precision: str, keras_model, calibration, manifest) -> None:
    content = convert(keras_model, Kind("onnx", precision, batch=3), calibration, manifest)
    (pixels,) = session(content).get_inputs()
    assert pixels.shape == [3, 64, 64, 3]
    together = session(content).run(None, {"pixels": calibration[:3]})[0]
    np.testing.assert_allclose(together, scores(contents[precision], calibration[:3]), atol=1e-5 if precision == "fp32" else 0.02)
    properties = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    assert properties["batch"] == "3"


def test_model_that_looks_at_the_other_pictures_of_a_batch_is_refused(calibration, manifest) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    x = layers.Dense(2, activation="softmax")(10 * (x - 2 * x[:1, :]))
    model = keras.Model(inputs, x)
    model.layers[-1].set_weights([np.array([[1, -1], [1, -1], [1, -1]]), np.zeros(2)])
    with pytest.raises(CheckFailed, match=r"--batch 2: a picture's scores change by \d\.\d+ with its place"):
        convert(model, Kind("onnx", "fp32", batch=2), calibration, manifest)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_float_planes_give_what_raw_pixels_give(contents, precision: str, keras_model, calibration, manifest) -> None:
    content = convert(keras_model, Kind("onnx", precision, io="float"), calibration, manifest)
    (planes,) = session(content).get_inputs()
    assert (planes.type, planes.shape) == ("tensor(float)", [1, 3, 64, 64])
    assert "Transpose" not in {node.op_type for node in onnx.load_from_string(content).graph.node}
    given = calibration.transpose(0, 3, 1, 2).astype(np.float32) / 255
    np.testing.assert_array_equal(scores(content, given), scores(contents[precision], calibration))


def test_what_was_converted_before_in_the_same_process_changes_nothing(contents, keras_model, calibration, manifest) -> None:
    """tf2onnx numbers its names through the whole process, and the order of names decides that of its optimizations."""
    convert(keras_model, Kind("onnx", "fp32"), calibration[:0], manifest)
    assert convert(keras_model, Kind("onnx", "fp32"), calibration[:0], manifest) == contents["fp32"]
