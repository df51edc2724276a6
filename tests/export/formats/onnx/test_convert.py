"""Checks the contents and the scores of exported .onnx files."""

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

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.convert import PRECISIONS
from export.formats.onnx.from_keras import OPSET, convert
from export.formats.onnx.graph import IR_VERSION
from runtime.errors import CheckFailed
from runtime.images.preprocessing import Preprocessing
from train.backbones.registry import BACKBONES
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.fitting.classifier_model import build_model

TOLERANCE = {"fp32": 1e-5, "fp16": 1e-2, "dynamic": 0.05, "int8": 0.15, "mixed": 0.15}


@pytest.fixture(scope="module")
def contents(keras_model, calibration, manifest) -> dict[str, bytes]:
    return {
        precision: convert(
            keras_model, ArtifactSpec("onnx", precision), calibration, manifest
        ).content
        for precision in PRECISIONS
    }


def session(content: bytes, **entries: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    for name, value in entries.items():
        options.add_session_config_entry(f"session.{name}", value)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def scores(content: bytes, pixels: np.ndarray, **entries: str) -> np.ndarray:
    opened = session(content, **entries)
    return np.concatenate([opened.run(None, {"pixels": image[np.newaxis]})[0] for image in pixels])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_raw_uint8_image_gives_the_keras_scores(
    contents, precision: str, keras_model, calibration
) -> None:
    (pixels,) = session(contents[precision]).get_inputs()
    assert (pixels.name, pixels.type, pixels.shape) == ("pixels", "tensor(uint8)", [1, 64, 64, 3])
    expected = keras_model.predict_on_batch(calibration.astype(np.float32))
    np.testing.assert_allclose(
        scores(contents[precision], calibration), expected, atol=TOLERANCE[precision]
    )


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_file_has_standard_operators_only_and_the_manifest_inside(
    contents, precision: str, manifest
) -> None:
    model = onnx.load_from_string(contents[precision])
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": OPSET}
    assert (
        model.ir_version
        == IR_VERSION
        == {row[2]: row[1] for row in onnx.helper.VERSION_TABLE}[OPSET]
    )
    assert all(node.domain == "" for node in model.graph.node)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert tuple(json.loads(properties["quince.json"])["labels"]) == manifest.labels


@pytest.mark.parametrize("precision", PRECISIONS)
def test_metadata_are_those_that_ultralytics_writes(contents, precision: str, manifest) -> None:
    properties = {
        entry.key: entry.value
        for entry in onnx.load_from_string(contents[precision]).metadata_props
    }
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


def test_int8_scores_are_equal_with_and_without_the_saturating_instruction(contents) -> None:
    """Only the first run may saturate, on x86 without VNNI."""
    pixels = np.random.default_rng(3).choice([0, 255], (20, 64, 64, 3)).astype(np.uint8)
    exact = scores(contents["int8"], pixels, x64quantprecision="1")
    np.testing.assert_array_equal(scores(contents["int8"], pixels), exact)


def _mobilenet_v2() -> keras.Model:
    """Returns MobileNetV2 with a normalization and with BatchNorms that change values."""
    inner = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=5)
    generator = np.random.default_rng(1)
    for layer in inner.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights(
                [generator.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()]
            )
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, inner(layers.Rescaling(1 / 128, -127 / 128)(inputs)))


@pytest.fixture(scope="module", params=["efficientnet-lite0", "mobilenet-v2"])
def deep(request: pytest.FixtureRequest, calibration) -> tuple[keras.Model, np.ndarray]:
    if request.param == "mobilenet-v2":
        return _mobilenet_v2(), calibration[:2, :32, :32]
    backbone, options = BACKBONES["efficientnet-lite0"], resolve_options(TrainOptions())
    return build_model(backbone, Preprocessing(32, 32), 5, options), calibration[:2, :32, :32]


RESIDUALS = {"efficientnet-lite0": 9, "mobilenet-v2": 10}


def test_no_layout_normalization_or_padding_is_left(
    deep, manifest, request: pytest.FixtureRequest
) -> None:
    model, pixels = deep
    content = convert(model, ArtifactSpec("onnx", "int8"), pixels, manifest).content
    nodes = onnx.load_from_string(content).graph.node
    counts = Counter(node.op_type for node in nodes)
    residuals = RESIDUALS[request.node.callspec.params["deep"]]
    assert (counts["Transpose"], nodes[0].op_type) == (1, "Transpose")
    assert counts["Add"] == residuals
    assert not counts.keys() & {"Mul", "BatchNormalization", "Pad", "Cast"}


def test_model_without_a_plain_normalization_keeps_its_arithmetic(calibration, manifest) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(4, 3, strides=2)(
        layers.Rescaling([1 / 128, 1 / 100, 1 / 90], [0.1, 0.2, 0.3])(inputs)
    )
    model = keras.Model(
        inputs, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    )
    content = convert(model, ArtifactSpec("onnx", "int8"), calibration, manifest).content
    expected = model.predict_on_batch(calibration.astype(np.float32))
    np.testing.assert_allclose(scores(content, calibration), expected, atol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_batch_scores_each_image_as_if_alone(
    contents, precision: str, keras_model, calibration, manifest
) -> None:
    content = convert(
        keras_model, ArtifactSpec("onnx", precision, batch=3), calibration, manifest
    ).content
    (pixels,) = session(content).get_inputs()
    assert pixels.shape == [3, 64, 64, 3]
    together = session(content).run(None, {"pixels": calibration[:3]})[0]
    np.testing.assert_allclose(
        together,
        scores(contents[precision], calibration[:3]),
        atol=1e-5 if precision == "fp32" else 0.02,
    )
    properties = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    assert properties["batch"] == "3"


def test_a_model_that_reads_other_images_of_its_batch_is_refused(calibration, manifest) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    x = layers.Dense(2, activation="softmax")(10 * (x - 2 * x[:1, :]))
    model = keras.Model(inputs, x)
    model.layers[-1].set_weights([np.array([[1, -1], [1, -1], [1, -1]]), np.zeros(2)])
    with pytest.raises(
        CheckFailed, match=r"--batch 2: an image's scores change by \d\.\d+ with its place"
    ):
        convert(model, ArtifactSpec("onnx", "fp32", batch=2), calibration, manifest)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_float_planes_give_the_scores_of_raw_pixels(
    contents, precision: str, keras_model, calibration, manifest
) -> None:
    content = convert(
        keras_model, ArtifactSpec("onnx", precision, io="float"), calibration, manifest
    ).content
    (planes,) = session(content).get_inputs()
    assert (planes.type, planes.shape) == ("tensor(float)", [1, 3, 64, 64])
    assert "Transpose" not in {node.op_type for node in onnx.load_from_string(content).graph.node}
    values = calibration.transpose(0, 3, 1, 2).astype(np.float32) / 255
    np.testing.assert_array_equal(scores(content, values), scores(contents[precision], calibration))


def test_an_earlier_conversion_in_the_same_process_changes_nothing(
    contents, keras_model, calibration, manifest
) -> None:
    """tf2onnx numbers its names through the whole process and optimizes in the order of names."""
    spec = ArtifactSpec("onnx", "fp32")
    same = keras.models.clone_model(keras_model)
    same.set_weights(keras_model.get_weights())
    assert convert(same, spec, calibration[:0], manifest).content == contents["fp32"]


def test_changed_weights_are_converted_anew(contents, keras_model, calibration, manifest) -> None:
    """The float graph is kept for the next precision."""
    spec = ArtifactSpec("onnx", "fp32")
    model = keras.models.clone_model(keras_model)
    convert(model, spec, calibration[:0], manifest)
    model.set_weights(keras_model.get_weights())
    assert convert(model, spec, calibration[:0], manifest).content == contents["fp32"]
