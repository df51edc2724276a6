"""Heads of ONNX files from elsewhere are found in the forms that exporters write."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime.classifier import Classifier
from runtime.explanation.explainer import Explainer

LABELS = ("warm", "cold", "green", "grey")
KERNEL = np.array([[2, -1, 0, 0], [0, 0, 3, 0], [-1, 2, 0, 1]], np.float32)
BIAS = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
Head = Callable[[], list[onnx.NodeProto]]
make_node = helper.make_node


def gemm() -> list[onnx.NodeProto]:
    return [make_node("Gemm", ["means", "kernel", "bias"], ["logits"])]


def gemm_of_pytorch() -> list[onnx.NodeProto]:
    return [make_node("Gemm", ["means", "transposed", "bias"], ["logits"], transB=1)]


def bias_first() -> list[onnx.NodeProto]:
    return [
        make_node("MatMul", ["means", "kernel"], ["product"]),
        make_node("Add", ["bias", "product"], ["logits"]),
    ]


def no_bias() -> list[onnx.NodeProto]:
    return [make_node("MatMul", ["means", "kernel"], ["logits"])]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model whose features are the colours of its pixels, planes in the ONNX manner."""

    def make(
        head: list[onnx.NodeProto], activation: str = "Softmax", classes: tuple[str, ...] = LABELS
    ) -> Path:
        nodes = [
            make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
            make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
            make_node("Mul", ["planes", "scale"], ["features"]),
            make_node("GlobalAveragePool", ["features"], ["pooled"]),
            make_node("Flatten", ["pooled"], ["means"]),
            *head,
            make_node(activation, ["logits"], ["scores"]),
        ]
        weights = {
            "scale": np.array(1 / 255, np.float32),
            "kernel": KERNEL,
            "transposed": np.ascontiguousarray(KERNEL.T),
            "bias": BIAS,
            "single": KERNEL[:, :1],
            "square": KERNEL[:, :3],
        }
        used = {name for node in nodes for name in node.input}
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, (1, 6, 5, 3))],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, "scores"))],
            [
                numpy_helper.from_array(array, name)
                for name, array in weights.items()
                if name in used
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        manifest = {
            "name": "small",
            "labels": classes,
            "preprocessing": {"height": 6, "width": 5, "fit": "crop"},
            "artifacts": [],
            "provenance": {},
            "schema": 2,
        }
        helper.set_model_props(model, {"quince.json": json.dumps(manifest)})
        onnx.save(model, tmp_path / "small.onnx")
        return tmp_path / "small.onnx"

    return make


@pytest.mark.parametrize("head", [gemm, gemm_of_pytorch, bias_first, no_bias])
def test_each_place_adds_its_features_times_the_kernel(
    write: Callable[..., Path], head: Head
) -> None:
    """What is the same for all classes is taken off, since a softmax does not see it."""
    found = Explainer(Classifier(write(head()))).head
    assert found
    for index in range(4):
        expected = PIXELS / 255 @ (KERNEL[:, index] - KERNEL.mean(1))
        assert np.abs(found.map_of_features(found.features(PIXELS), index) - expected).max() < 1e-5


def test_classes_of_a_sigmoid_are_taken_each_alone(write: Callable[..., Path]) -> None:
    found = Explainer(Classifier(write(gemm(), "Sigmoid"))).head
    assert found
    assert (
        np.abs(found.map_of_features(found.features(PIXELS), 2) - PIXELS / 255 @ KERNEL[:, 2]).max()
        < 1e-5
    )


def test_a_single_score_speaks_for_one_class_and_against_the_other(
    write: Callable[..., Path],
) -> None:
    """Its logit x is the difference between those of two classes, x/2 and -x/2."""
    head = [make_node("MatMul", ["means", "single"], ["logits"])]
    found = Explainer(Classifier(write(head, "Sigmoid", ("no", "yes")))).head
    assert found
    expected = PIXELS / 255 @ KERNEL[:, 0] / 2
    assert np.abs(found.map_of_features(found.features(PIXELS), 1) - expected).max() < 1e-5
    assert np.abs(found.map_of_features(found.features(PIXELS), 0) + expected).max() < 1e-5


def test_a_square_kernel_that_may_be_transposed_is_not_guessed(
    write: Callable[..., Path],
) -> None:
    head = [make_node("Gemm", ["means", "square"], ["logits"], transB=1)]
    assert Explainer(Classifier(write(head, classes=LABELS[:3]))).head is None


def test_what_is_not_linear_is_explained_by_occlusion(write: Callable[..., Path]) -> None:
    hidden = [
        make_node("Relu", ["means"], ["hidden"]),
        make_node("Gemm", ["hidden", "kernel", "bias"], ["logits"]),
    ]
    explainer = Explainer(Classifier(write(hidden)))
    assert explainer.head is None
    assert explainer.explain(PIXELS, 0).method == "occlusion"
