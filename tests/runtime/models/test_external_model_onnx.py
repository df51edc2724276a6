"""runtime.models.model_spec on ONNX files: layouts, dtypes and logits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from runtime import Classifier
from runtime.errors import CheckFailed, InputRefused
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import MODES, UNNORMALIZED, Normalization

MakeModel = Callable[..., Path]
LABELS = ("red", "green", "blue")
UNIT = Normalization((0.0,), (255.0,))
MEANS = (1.0, 0.4, 0.0)
"""Of the fixture `colour` in 0..1."""
LAST = {"shape": (1, 8, 8, 3), "axes": (1, 2)}
LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


def probabilities(values) -> list[float]:
    powers = np.exp(np.array(values, np.float64))
    return [pytest.approx(value, abs=1e-3) for value in powers / powers.sum()]


def scores(path: Path, image, spec: ModelSpec) -> list[float]:
    answer = {
        prediction.label: prediction.score
        for prediction in Classifier(path, spec=spec).classify(image)
    }
    return [answer[label] for label in spec.labels or LABELS]


@pytest.mark.parametrize("batch", [1, "N", 4])
@pytest.mark.parametrize("sides", [{}, LAST], ids=["nchw", "nhwc"])
def test_channels_first_and_last_and_any_batch(
    external_onnx: MakeModel, colour, sides, batch
) -> None:
    shape = (batch, *sides.get("shape", (1, 3, 8, 8))[1:])
    path = external_onnx(**{**sides, "shape": shape})
    assert scores(path, colour, ModelSpec(LABELS, normalization=UNIT)) == probabilities(MEANS)
    assert scores(path, colour, ModelSpec(LABELS, normalization=MODES["caffe"])) == probabilities(
        (-103.939, -14.779, 131.32)
    )


def test_shape_that_could_be_both_is_asked_for(external_onnx: MakeModel, colour) -> None:
    shape = {"shape": (1, 3, 3, 3), "axes": (2, 3)}
    with pytest.raises(
        InputRefused,
        match=r"float32 \(1, 3, 3, 3\) could have its channels first or last; choose with --layout",
    ):
        Classifier(external_onnx(**shape), spec=ModelSpec(LABELS, normalization=UNIT))
    assert scores(
        external_onnx(**shape), colour, ModelSpec(LABELS, normalization=UNIT, layout="nchw")
    ) == probabilities(MEANS)
    with pytest.raises(
        InputRefused,
        match=r"its input is float32 \(1, 3, 8, 8\), which is not nhwc; leave --layout out",
    ):
        Classifier(external_onnx(), spec=ModelSpec(LABELS, normalization=UNIT, layout="nhwc"))


def test_size_left_open_is_asked_for_and_a_fixed_one_is_held(
    external_onnx: MakeModel, colour
) -> None:
    path = external_onnx(shape=("N", 3, "H", "W"))
    with pytest.raises(
        InputRefused,
        match=r"\(\?, 3, \?, \?\) leaves the image's size open; give one with --input-size",
    ):
        Classifier(path, spec=ModelSpec(LABELS, normalization=UNIT))
    classifier = Classifier(
        path, spec=ModelSpec(LABELS, normalization=UNIT, input_size=(4, 6), fit="squash")
    )
    assert (
        classifier.preprocessing.height,
        classifier.preprocessing.width,
        classifier.preprocessing.fit,
    ) == (4, 6, "squash")
    assert [prediction.score for prediction in classifier.classify(colour)] == probabilities(MEANS)
    with pytest.raises(InputRefused, match="expected an image of 4x6 pixels"):
        Classifier(external_onnx(), spec=ModelSpec(LABELS, normalization=UNIT, input_size=(4, 6)))


@pytest.mark.parametrize(
    ("endings", "expected_scores"),
    [
        (("Softmax",), probabilities(MEANS)),
        (("Softmax", "Identity", "Reshape"), probabilities(MEANS)),
        (("Identity",), probabilities(MEANS)),
        (("LogSoftmax",), probabilities(MEANS)),
        (("Sigmoid",), [pytest.approx(1 / (1 + np.exp(-value)), abs=1e-4) for value in MEANS]),
    ],
    ids=str,
)
def test_last_operator_says_whether_a_softmax_is_due(
    external_onnx: MakeModel, colour, endings, expected_scores
) -> None:
    assert (
        scores(external_onnx(endings=endings), colour, ModelSpec(LABELS, normalization=UNIT))
        == expected_scores
    )


def test_logits_in_the_thousands_become_probabilities(external_onnx: MakeModel, colour) -> None:
    assert scores(external_onnx(factor=9000), colour, ModelSpec(LABELS, normalization=UNIT)) == [
        1,
        0,
        0,
    ]


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_an_error_and_not_a_class(
    external_onnx: MakeModel, colour, factor: float
) -> None:
    with pytest.raises(CheckFailed, match="the model answered NaN or infinity"):
        Classifier(
            external_onnx(factor=factor), spec=ModelSpec(LABELS, normalization=UNIT)
        ).classify(colour)


@pytest.mark.parametrize(
    ("kind", "quantized", "normalization"),
    [
        (TensorProto.UINT8, (1 / 255, 0), None),
        (TensorProto.UINT8, (1 / 255, 0), UNIT),
        (TensorProto.INT8, (1 / 255, -128), UNIT),
        (TensorProto.UINT8, None, None),
        (TensorProto.UINT8, None, UNNORMALIZED),
    ],
    ids=["uint8", "uint8 stated", "int8", "unquantized", "unquantized stated"],
)
def test_integer_input_gets_pixels_by_the_scale_in_its_graph(
    external_onnx: MakeModel, colour, kind: int, quantized, normalization
) -> None:
    path = external_onnx(kind=kind, quantized=quantized, factor=1.0 if quantized else 1 / 255)
    assert scores(path, colour, ModelSpec(LABELS, normalization=normalization)) == [
        pytest.approx(value.expected, abs=3e-3) for value in probabilities(MEANS)
    ]


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_other_floats_are_taken(external_onnx: MakeModel, colour, kind: int) -> None:
    assert scores(
        external_onnx(kind=kind), colour, ModelSpec(LABELS, normalization=UNIT)
    ) == probabilities(MEANS)


def test_integer_output_becomes_probabilities(external_onnx: MakeModel, colour) -> None:
    path = external_onnx(endings=("Softmax",), out_quantized=(1 / 256, 0))
    assert scores(path, colour, ModelSpec(LABELS, normalization=UNIT)) == [
        pytest.approx(value.expected, abs=3e-3) for value in probabilities(MEANS)
    ]


def test_classes_as_numbers_are_refused(external_onnx: MakeModel) -> None:
    with pytest.raises(
        InputRefused,
        match=r"expected scores as floats, or as integers with a scale, found an output of int64",
    ):
        Classifier(external_onnx(endings=("ArgMax",)), spec=ModelSpec(LABELS, normalization=UNIT))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            {"shape": (1, 4, 8, 8)},
            r"expected an input of one image, .* found float32 \(1, 4, 8, 8\)",
        ),
        (
            {"shape": (3, 8, 8), "axes": (1, 2)},
            r"expected an input of one image, .* found float32 \(3, 8, 8\)",
        ),
        (
            {"shape": (1, 12), "axes": (0, 1)},
            r"expected an input of one image, .* found float32 \(1, 12\)",
        ),
        (
            {"shape": (1, 3, 60000, 60000)},
            r"float32 \(1, 3, 60000, 60000\): expected height from 1 to 4096",
        ),
        (
            {"axes": (3,)},
            r"expected one vector of class scores \(1, classes\), found an output of \(1, 3, 8\)",
        ),
        (
            {"axes": (0, 3)},
            r"expected one vector of class scores \(1, classes\), found an output of \(3, 8\)",
        ),
        ({"shape": (1, 1, 8, 8)}, r"has a single output \(1, 1\)"),
        (
            {"kind": TensorProto.INT64},
            r"expected an input of float32, uint8, int8 or int16, found int64",
        ),
    ],
    ids=str,
)
def test_other_models_are_refused_with_what_was_found(
    external_onnx: MakeModel, wrong, reason: str
) -> None:
    with pytest.raises(InputRefused, match=reason):
        Classifier(external_onnx(**wrong), spec=ModelSpec(LABELS, normalization=UNIT))


@pytest.mark.parametrize("network", ["squeezenet", "shufflenet", "inception_v2"])
def test_networks_of_the_onnx_model_zoo_run(network: str, colour) -> None:
    """Published graphs of IR version 3 list weights among inputs; outputs are (1, 1000, 1, 1)."""
    path = LIGHT / f"light_{network}.onnx"
    labels = tuple(f"class {number}" for number in range(1000))
    answer = Classifier(path, spec=ModelSpec(labels, normalization=MODES["torch"])).classify(
        colour, top=1000
    )
    assert sum(prediction.score for prediction in answer) == pytest.approx(1, abs=1e-3)
