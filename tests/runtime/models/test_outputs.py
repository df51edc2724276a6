"""Tests models with one score for two classes, with several outputs, and with a ZipMap."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime import Classifier
from runtime.errors import CheckFailed, InputRefused
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import Normalization

UNIT = Normalization((0.0,), (255.0,))
MEANS = (1.0, 0.4, 0.0)
"""Of the channels of the fixture `colour`, in 0..1."""
RED = np.array([[1.0, 0.0, 0.0]], np.float32)
"""Weights of a model whose only score is the mean of red."""
SIGMOID_OF_1 = 0.7311
MakeModel = Callable[..., Path]


@pytest.fixture
def many_outputs(tmp_path: Path) -> MakeModel:
    """Writes an .onnx with the outputs `means` (3), `probabilities` (3), `top` and `table`."""

    def make(outputs: Sequence[str], keys: Sequence[str] | Sequence[int] = ("r", "g", "b")) -> Path:
        attribute = "classlabels_strings" if isinstance(keys[0], str) else "classlabels_int64s"
        nodes = [
            helper.make_node("ReduceMean", ["pixels"], ["means"], axes=(2, 3), keepdims=0),
            helper.make_node("Softmax", ["means"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["means"], ["top"], axis=1, keepdims=0),
            helper.make_node("Concat", ["means", "means"], ["six"], axis=1),
            helper.make_node(
                "ZipMap", ["probabilities"], ["table"], domain="ai.onnx.ml", **{attribute: keys}
            ),
        ]
        key_type = TensorProto.STRING if isinstance(keys[0], str) else TensorProto.INT64
        table = helper.make_sequence_type_proto(
            helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(1, []))
        )
        infos = {
            "means": helper.make_tensor_value_info("means", 1, ["n", 3]),
            "probabilities": helper.make_tensor_value_info("probabilities", 1, None),
            "six": helper.make_tensor_value_info("six", 1, ["n", "m"]),
            "top": helper.make_tensor_value_info("top", TensorProto.INT64, ["n"]),
            "table": helper.make_value_info("table", table),
        }
        pixels = helper.make_tensor_value_info("pixels", 1, ["n", 3, 8, 8])
        graph = helper.make_graph(nodes, "many", [pixels], [infos[name] for name in outputs])
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)],
            ir_version=8,
        )
        path = tmp_path / "many.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return make


def answers(path: Path, image, spec: ModelSpec) -> dict[str, float]:
    classifier = Classifier(path, spec=spec)
    return {row.label: round(row.score, 4) for row in classifier.classify(image, top=9)}


def test_a_sigmoid_gives_its_score_to_the_second_label(tflite_model: MakeModel, colour) -> None:
    path = tflite_model(weights=RED, ending="LOGISTIC")
    spec = ModelSpec(("cat", "dog"), normalization=UNIT)
    found = answers(path, colour, spec)
    assert found == pytest.approx({"dog": SIGMOID_OF_1, "cat": 1 - SIGMOID_OF_1}, abs=1e-3)
    quantized = tflite_model(
        weights=RED, ending="LOGISTIC", out="int8", out_quantized=(1 / 256, -128)
    )
    assert answers(quantized, colour, spec)["dog"] == pytest.approx(SIGMOID_OF_1, abs=3e-3)


def test_a_single_number_without_a_sigmoid_is_asked_for(tflite_model: MakeModel, colour) -> None:
    path = tflite_model(weights=3 * RED, ending=None)
    spec = ModelSpec(("cat", "dog"), normalization=UNIT)
    with pytest.raises(InputRefused, match=r"no sigmoid; state with --scores .* of 'dog' or its"):
        Classifier(path, spec=spec)
    found = answers(path, colour, spec._replace(scores="logits"))
    assert found["dog"] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-3)
    with pytest.raises(CheckFailed, match=r"expected a probability .* found 3; .* --scores logits"):
        answers(path, colour, spec._replace(scores="probabilities"))


def test_a_softmax_of_one_number_and_three_labels_are_refused(tflite_model: MakeModel) -> None:
    path = tflite_model(weights=RED)
    with pytest.raises(InputRefused, match="softmax of one number, which is always 1"):
        Classifier(path, spec=ModelSpec(("cat", "dog"), normalization=UNIT, scores="logits"))
    with pytest.raises(InputRefused, match=r"has a single output .*, but there are 3 labels"):
        Classifier(path, spec=ModelSpec(("a", "b", "c"), normalization=UNIT))


def test_the_only_output_with_a_score_for_each_label_is_chosen(
    many_outputs: MakeModel, colour
) -> None:
    spec = ModelSpec(("red", "green", "blue"), normalization=UNIT)
    powers = np.exp(MEANS) / np.exp(MEANS).sum()
    expected = dict(zip(spec.labels or (), powers, strict=True))
    path = many_outputs(["top", "six", "probabilities"])
    assert answers(path, colour, spec) == pytest.approx(expected, abs=1e-3)
    six = ModelSpec(tuple("abcdef"), normalization=UNIT, scores="probabilities")
    assert answers(path, colour, six)["a"] == 1.0


def test_two_outputs_with_a_score_for_each_label_are_asked_for(
    many_outputs: MakeModel, colour
) -> None:
    spec = ModelSpec(("red", "green", "blue"), normalization=UNIT)
    path = many_outputs(["means", "probabilities"])
    with pytest.raises(InputRefused, match=r"has 2 outputs \(means float32 .*--scores-output NAME"):
        Classifier(path, spec=spec)
    # Only the last activation of the chosen output counts: `means` are logits.
    for output in ("means", "probabilities"):
        found = answers(path, colour, spec._replace(output=output))
        assert found["red"] == pytest.approx(0.5223, abs=1e-3)
    with pytest.raises(InputRefused, match=r"--scores-output: found 'x', but .* has means, prob"):
        Classifier(path, spec=spec._replace(output="x"))


@pytest.mark.parametrize("keys", [("r", "g", "b"), (7, -1, 9)], ids=["texts", "integers"])
def test_the_keys_of_a_zipmap_are_the_labels(many_outputs: MakeModel, colour, keys) -> None:
    path = many_outputs(["top", "table"], keys)
    found = answers(path, colour, ModelSpec(normalization=UNIT))
    assert list(found) == list(map(str, keys))
    assert found[str(keys[0])] == pytest.approx(0.5223, abs=1e-3)
    own = answers(path, colour, ModelSpec(("red", "green", "blue"), normalization=UNIT))
    assert list(own.values()) == list(found.values())
    with pytest.raises(InputRefused, match="has 2 labels, but the model has 3 outputs"):
        Classifier(path, spec=ModelSpec(("red", "green"), normalization=UNIT))


def test_a_zipmap_with_a_key_twice_is_refused(many_outputs: MakeModel) -> None:
    with pytest.raises(InputRefused, match="expected one input and an output of numbers"):
        Classifier(many_outputs(["table"], ("r", "r", "b")), spec=ModelSpec(normalization=UNIT))
    with pytest.raises(InputRefused, match=r"table has the class 'r' twice.*--scores-output"):
        Classifier(
            many_outputs(["top", "table"], ("r", "r", "b")), spec=ModelSpec(normalization=UNIT)
        )


OPTIMUM = ("batch_size", "num_channels", "height", "width")


@pytest.mark.parametrize(
    ("shape", "layout"),
    [(OPTIMUM, None), (("a", "b", "c", "d"), "nchw"), (None, "nchw")],
    ids=["named", "unnamed", "any rank"],
)
def test_a_size_is_enough_where_all_axes_are_open(
    external_onnx: MakeModel, colour, shape, layout
) -> None:
    path = external_onnx(shape=shape)
    spec = ModelSpec(("red", "green", "blue"), normalization=UNIT, layout=layout)
    with pytest.raises(InputRefused, match="give one with --input-size"):
        Classifier(path, spec=spec)
    spec = spec._replace(input_size=(6, 4))
    assert answers(path, colour, spec)["red"] == pytest.approx(0.5223, abs=1e-3)
    if shape != OPTIMUM:
        with pytest.raises(InputRefused, match="choose with --layout"):
            Classifier(path, spec=spec._replace(layout=None))


def test_open_channels_may_be_grey(tmp_path: Path, colour) -> None:
    weights = numpy_helper.from_array(np.ones((3, 1, 8, 8), np.float32) / 64, "weights")
    pixels, scores = (
        helper.make_tensor_value_info("pixels", 1, OPTIMUM),
        helper.make_tensor_value_info("scores", 1, ["n", 3, 1, 1]),
    )
    conv = helper.make_node("Conv", ["pixels", "weights"], ["scores"])
    graph = helper.make_graph([conv], "grey", [pixels], [scores], [weights])
    path = tmp_path / "grey.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path
    )
    spec = ModelSpec(("a", "b", "c"), normalization=UNIT, input_size=(8, 8), scores="probabilities")
    found = answers(path, colour, spec._replace(channel_order="grey"))
    assert found["a"] == pytest.approx((0.299 * 255 + 0.587 * 102) / 255, abs=3e-3)
    with pytest.raises(InputRefused, match="fails when it is run"):
        answers(path, colour, spec)
