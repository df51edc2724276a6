"""Puts pixels before float ONNX classifiers of every kind, and compares with the runtime."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.from_onnx import convert, input_quantization
from export.graph.input_quantization import RAW, InputQuantization
from export.graph.onnx_folding import name_nodes
from export.inputs.model_file import onnx_classifier
from export.inputs.model_file.cleaning import clean_model
from export.inputs.model_file.onnx_classifier import OnnxClassifierOptions, open_onnx_classifier
from runtime.classifier import Classifier
from runtime.errors import CheckFailed, InputRefused
from runtime.models.manifest import Manifest
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import CAFFE, TF, TORCH, UNNORMALIZED, Normalization

SIDE, CLASSES = 16, 3
PIXELS = np.random.default_rng(2).integers(0, 256, (6, SIDE, SIDE, 3)).astype(np.uint8)


def network(
    path: Path,
    *,
    layout: str = "nchw",
    channels: int = 3,
    classes: int = CLASSES,
    ending: str = "",
    batch: int | str = "batch",
    opset: int = 17,
) -> Path:
    """Writes a convolution, a BatchNormalization, a mean and a dense layer with seeded weights."""
    generator = np.random.default_rng(1)

    def weight(name: str, *shape: int, low: float = -1) -> onnx.TensorProto:
        values = generator.uniform(low, 1, shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    weights = [
        weight("kernel", 8, channels, 3, 3),
        *(weight(name, 8, low=0.5) for name in ("scale", "shift", "mean", "variance")),
        weight("dense", 8, classes),
        weight("bias", classes),
    ]
    nodes, value = [], "pixels"
    shape = [batch, channels, SIDE, SIDE]
    if layout == "nhwc":
        shape = [batch, SIDE, SIDE, channels]
        nodes.append(helper.make_node("Transpose", [value], ["planes"], perm=[0, 3, 1, 2]))
        value = "planes"
    nodes += [
        helper.make_node("Conv", [value, "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["n"]),
        helper.make_node("Relu", ["n"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "dense", "bias"], ["g"]),
    ]
    if ending:
        nodes.append(helper.make_node(ending, ["g"], ["e"]))
    out = "e" if ending else "g"
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, [batch, classes])],
        weights,
    )
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Returns a folder per class with one image each."""
    from PIL import Image

    for number, label in enumerate("abc"):
        (tmp_path / "images" / label).mkdir(parents=True)
        Image.fromarray(PIXELS[number]).save(tmp_path / "images" / label / "1.png")
    return tmp_path / "images"


VARIANTS = {
    "none": ({}, ModelSpec(normalization=UNNORMALIZED)),
    "torch": ({}, ModelSpec(normalization=TORCH)),
    "tf": ({}, ModelSpec(normalization=TF)),
    "caffe": ({}, ModelSpec(normalization=CAFFE)),
    "unit, bgr": (
        {},
        ModelSpec(normalization=Normalization((0.0,), (255.0,)), channel_order="bgr"),
    ),
    "nhwc": ({"layout": "nhwc"}, ModelSpec(normalization=TORCH)),
    "softmax": ({"ending": "Softmax"}, ModelSpec(normalization=TF)),
    "grey": ({"channels": 1}, ModelSpec(normalization=TF)),
    "fixed batch": ({"batch": 1}, ModelSpec(normalization=TF)),
    "old operators": ({"opset": 11}, ModelSpec(normalization=TF)),
    "axes as input": ({"opset": 18}, ModelSpec(normalization=TF)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_file_of_pixels_gives_the_probabilities_of_the_float_file(
    variant: str, tmp_path: Path, images: Path
) -> None:
    form, spec = VARIANTS[variant]
    path = network(tmp_path / "float.onnx", **form)
    spec = spec._replace(labels=("a", "b", "c"))
    run = open_onnx_classifier(path, OnnxClassifierOptions(spec, images))
    reference = Classifier(path, spec=spec, checked=True)
    pixels = PIXELS if form.get("channels", 3) == 3 else PIXELS[..., :1]
    for precision, tolerance in (("fp32", 1e-5), ("int8", 0.05)):
        manifest = Manifest("network", ("a", "b", "c"), run.manifest.preprocessing)
        content = convert(run.onnx, ArtifactSpec("onnx", precision), pixels, manifest).content
        (tmp_path / "model.onnx").write_bytes(content)
        made = Classifier(tmp_path / "model.onnx", checked=True)
        assert made.backend.input.dtype is np.uint8
        assert made.backend.input.shape == (1, *pixels.shape[1:])
        for image in pixels:
            assert np.abs(made.scores(image) - reference.scores(image)).max() < tolerance


def test_cleaned_file_of_yesterday_leaves_the_cache(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_classifier, "default_cache", lambda: tmp_path / "cache")
    old = tmp_path / "cache/cleaned-onnx/old.onnx"
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (0, 0))
    spec = ModelSpec(labels=("a", "b", "c"), normalization=TF)
    options = OnnxClassifierOptions(spec, images)
    run = open_onnx_classifier(network(tmp_path / "float.onnx"), options)
    assert run.onnx.file.parent == old.parent
    assert run.onnx.file.exists()
    assert not old.exists()


@pytest.mark.parametrize("ending", ["", "Sigmoid"], ids=["logit", "sigmoid"])
def test_single_score_becomes_two(ending: str, tmp_path: Path, images: Path) -> None:
    path = network(tmp_path / "float.onnx", classes=1, ending=ending)
    for folder in images.iterdir():
        if folder.name == "c":
            folder.rename(tmp_path / "c")
    spec = ModelSpec(labels=("a", "b"), normalization=TF, scores=None if ending else "logits")
    run = open_onnx_classifier(path, OnnxClassifierOptions(spec, images))
    manifest = Manifest("network", ("a", "b"), run.manifest.preprocessing)
    content = convert(run.onnx, ArtifactSpec("onnx", "fp32"), PIXELS, manifest).content
    (tmp_path / "model.onnx").write_bytes(content)
    made = Classifier(tmp_path / "model.onnx", checked=True)
    reference = Classifier(path, spec=spec, checked=True)
    for image in PIXELS:
        assert made.scores(image) == pytest.approx(reference.scores(image), abs=1e-5)


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        (UNNORMALIZED, InputQuantization(1.0, 0)),
        (Normalization((127.0,), (128.0,)), InputQuantization(1 / 128, 127)),
        (Normalization((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)), InputQuantization(1 / 255, 0)),
        (TF, RAW),
        (TORCH, RAW),
    ],
)
def test_pixel_is_the_quantized_input_where_one_scale_allows_it(
    normalization: Normalization, expected: InputQuantization
) -> None:
    assert input_quantization(normalization) == expected


def test_int8_file_takes_the_pixel_as_its_quantized_input(tmp_path: Path, images: Path) -> None:
    path = network(tmp_path / "float.onnx")
    spec = ModelSpec(labels=("a", "b", "c"), normalization=Normalization((127.0,), (128.0,)))
    run = open_onnx_classifier(path, OnnxClassifierOptions(spec, images))
    manifest = Manifest("network", ("a", "b", "c"), run.manifest.preprocessing)
    content = convert(run.onnx, ArtifactSpec("onnx", "int8"), PIXELS, manifest).content
    graph = onnx.load_from_string(content).graph
    (first,) = [node for node in graph.node if node.input[0] == "pixels"]
    (second,) = [node for node in graph.node if first.output[0] in node.input]
    assert (first.op_type, second.op_type) == ("Transpose", "DequantizeLinear")


def clean(path: Path, tmp_path: Path) -> onnx.ModelProto:
    return clean_model(path.read_bytes(), "float.onnx", "g", (1, 3, SIDE, SIDE), tmp_path)


def test_weights_that_are_no_numbers_name_their_node(tmp_path: Path) -> None:
    model = onnx.load(network(tmp_path / "float.onnx"))
    broken = numpy_helper.to_array(model.graph.initializer[0]).copy()
    broken[0, 0, 0, 0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(broken, "kernel"))
    model.graph.node[0].name = "/stem/Conv"
    onnx.save(model, tmp_path / "float.onnx")
    with pytest.raises(CheckFailed, match="/stem/Conv.*NaN"):
        clean(tmp_path / "float.onnx", tmp_path)


def test_quantized_file_is_sent_to_adopt(tmp_path: Path) -> None:
    model = onnx.load(network(tmp_path / "float.onnx"))
    model.graph.node.append(helper.make_node("QuantizeLinear", ["g", "bias"], ["q"]))
    onnx.save(model, tmp_path / "float.onnx")
    with pytest.raises(InputRefused, match="quantized already.*export adopt"):
        clean(tmp_path / "float.onnx", tmp_path)


def test_operators_of_another_domain_are_refused(tmp_path: Path) -> None:
    model = onnx.load(network(tmp_path / "float.onnx"))
    model.graph.node[2].domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, tmp_path / "float.onnx")
    with pytest.raises(InputRefused, match="domain 'com.microsoft'"):
        clean(tmp_path / "float.onnx", tmp_path)


def test_another_batch_than_the_fixed_one_is_refused(tmp_path: Path) -> None:
    network(tmp_path / "float.onnx", batch=4)
    with pytest.raises(InputRefused, match="takes 4 images a call"):
        clean(tmp_path / "float.onnx", tmp_path)


def test_batch_of_minus_one_is_open_as_paddlepaddle_writes_it(tmp_path: Path) -> None:
    network(tmp_path / "float.onnx", batch=-1)
    sides = clean(tmp_path / "float.onnx", tmp_path).graph.input[0].type.tensor_type.shape.dim
    assert [side.dim_value for side in sides] == [1, 3, SIDE, SIDE]


def test_each_node_gets_a_name_of_its_own(tmp_path: Path) -> None:
    """ONNX Runtime gives the parts of an operator like HardSwish one name, or none."""
    model = onnx.load(network(tmp_path / "float.onnx"))
    names = ["act", "act_1", "act", "", "act", ""]
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    name_nodes(model.graph)
    given = [node.name for node in model.graph.node]
    assert given[:2] == ["act", "act_1"]
    assert len(set(given)) == 6
    assert "" not in given
    model.graph.node[2].op_type = "HardSwish"
    onnx.save(model, tmp_path / "float.onnx")
    folded = [node.name for node in clean(tmp_path / "float.onnx", tmp_path).graph.node]
    assert len(set(folded)) == len(folded)
    assert "" not in folded
