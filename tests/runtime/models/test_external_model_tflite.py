"""Tests external TFLite files: inputs and outputs of every dtype, and their own metadata."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import Classifier
from runtime.errors import InputRefused
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import MODES, UNNORMALIZED, Normalization

MakeModel = Callable[..., Path]
LABELS = ("red", "green", "blue")
UNIT = Normalization((0.0,), (255.0,))
MEANS = (1.0, 0.4, 0.0)
"""Of the fixture `colour` in 0..1."""


def probabilities(values) -> list[float]:
    powers = np.exp(np.array(values, np.float64))
    return [pytest.approx(value, abs=2e-3) for value in powers / powers.sum()]


def scores(path: Path, image: Image.Image, spec: ModelSpec) -> list[float]:
    answer = {
        prediction.label: prediction.score
        for prediction in Classifier(path, spec=spec).classify(image, top=50)
    }
    return [answer[label] for label in (spec.labels or LABELS)]


@pytest.mark.parametrize(
    ("normalization", "expected_scores"),
    [
        (UNIT, MEANS),
        (UNNORMALIZED, (255, 102, 0)),
        (MODES["tf"], (1.0, -0.2, -1.0)),
        (MODES["torch"], (2.2489, -0.25, -1.8044)),
        (MODES["caffe"], (-103.939, -14.779, 131.32)),
    ],
    ids=["unit", "none", "tf", "torch", "caffe"],
)
def test_float_input_gets_what_normalize_says(
    tflite_model: MakeModel, colour, normalization: Normalization, expected_scores
) -> None:
    """Logits, so that what went in can be read off what comes out."""
    path = tflite_model(weights=np.eye(3) / 100, ending=None)
    assert scores(path, colour, ModelSpec(LABELS, normalization=normalization)) == probabilities(
        np.array(expected_scores) / 100
    )


def test_bgr_turns_the_channels_round(tflite_model: MakeModel, colour) -> None:
    external = ModelSpec(LABELS, normalization=UNIT, channel_order="bgr")
    assert scores(tflite_model(), colour, external) == probabilities(MEANS[::-1])


@pytest.mark.parametrize(
    ("kind", "quantized", "normalization"),
    [
        ("uint8", (1 / 255, 0), None),
        ("uint8", (1 / 255, 0), UNIT),
        ("int8", (1 / 255, -128), UNIT),
        ("int16", (1 / 32767, 0), UNIT),
    ],
    ids=["uint8", "uint8 stated", "int8", "int16"],
)
def test_integer_input_gets_pixels_by_its_scale(
    tflite_model: MakeModel, colour, kind: str, quantized, normalization: Normalization | None
) -> None:
    path = tflite_model(kind=kind, quantized=quantized)
    assert scores(path, colour, ModelSpec(LABELS, normalization=normalization)) == probabilities(
        MEANS
    )


def test_int8_input_of_another_range_gets_its_own(tflite_model: MakeModel, colour) -> None:
    """-1..1 with zero point 0: pixel - 128 would be right too, pixel / 255 would not."""
    path = tflite_model(kind="int8", quantized=(1 / 127, 0))
    assert scores(path, colour, ModelSpec(LABELS, normalization=MODES["tf"])) == probabilities(
        (1.0, -0.2, -1.0)
    )


@pytest.mark.parametrize("kind", ["float32", "int8", "int16"])
def test_what_becomes_of_a_pixel_is_asked_for_and_not_guessed(
    tflite_model: MakeModel, kind: str
) -> None:
    path = tflite_model(kind=kind, quantized=None if kind == "float32" else (1 / 127, 0))
    with pytest.raises(
        InputRefused,
        match=f"takes {kind} and does not state how to normalize pixels; state it with --normalize",
    ):
        Classifier(path, spec=ModelSpec(LABELS))


def test_normalization_that_an_integer_input_cannot_hold_is_refused(
    tflite_model: MakeModel,
) -> None:
    path = tflite_model(kind="uint8", quantized=(1 / 128, 128))
    with pytest.raises(
        InputRefused,
        match=r"stands for -1 to 0\.992, and --normalize makes pixels 0 to 255; "
        "leave --normalize out",
    ):
        Classifier(path, spec=ModelSpec(LABELS, normalization=UNNORMALIZED))


@pytest.mark.parametrize(
    ("out", "quantized"),
    [("uint8", (1 / 256, 0)), ("int8", (1 / 256, -128)), ("int16", (1 / 32768, 0))],
    ids=["uint8", "int8", "int16"],
)
def test_integer_output_becomes_probabilities(
    tflite_model: MakeModel, colour, out: str, quantized
) -> None:
    path = tflite_model(out=out, out_quantized=quantized)
    assert scores(path, colour, ModelSpec(LABELS, normalization=UNIT)) == [
        pytest.approx(value.expected, abs=4e-3) for value in probabilities(MEANS)
    ]


def test_integer_logits_become_probabilities(tflite_model: MakeModel, colour) -> None:
    path = tflite_model(weights=np.eye(3) * 1000, ending=None, out="uint8", out_quantized=(4.0, 0))
    assert scores(path, colour, ModelSpec(LABELS, normalization=UNIT)) == [
        pytest.approx(1),
        pytest.approx(0),
        pytest.approx(0),
    ]


@pytest.mark.parametrize(
    ("ending", "passing", "expected_scores"),
    [
        ("SOFTMAX", (), probabilities(MEANS)),
        ("SOFTMAX", ("RESHAPE",), probabilities(MEANS)),
        (None, ("RESHAPE",), probabilities(MEANS)),
        ("LOGISTIC", (), [pytest.approx(1 / (1 + np.exp(-value)), abs=1e-3) for value in MEANS]),
    ],
    ids=str,
)
def test_last_operator_says_whether_a_softmax_is_due(
    tflite_model: MakeModel, colour, ending, passing, expected_scores
) -> None:
    assert (
        scores(
            tflite_model(ending=ending, passing=passing),
            colour,
            ModelSpec(LABELS, normalization=UNIT),
        )
        == expected_scores
    )


def test_scores_can_be_told(tflite_model: MakeModel, colour) -> None:
    bare = scores(
        tflite_model(ending=None),
        colour,
        ModelSpec(LABELS, normalization=UNIT, scores="probabilities"),
    )
    assert bare == [pytest.approx(value, abs=1e-3) for value in MEANS]


def test_channels_first_and_grey(tflite_model: MakeModel, colour) -> None:
    planes = tflite_model(shape=(1, 3, 8, 8))
    assert scores(planes, colour, ModelSpec(LABELS, normalization=UNIT)) == probabilities(MEANS)
    grey = tflite_model(shape=(1, 8, 8, 1), weights=np.array([[1.0], [0.0]]))
    luma = np.asarray(colour.convert("L"))[0, 0] / 255
    assert scores(grey, colour, ModelSpec(("a", "b"), normalization=UNIT)) == probabilities(
        (luma, 0)
    )
    with pytest.raises(
        InputRefused, match="is grey: expected one mean and one std, found 3 of each"
    ):
        Classifier(grey, spec=ModelSpec(("a", "b"), normalization=MODES["torch"]))


def test_size_left_open_is_asked_for(tflite_model: MakeModel, colour) -> None:
    path = tflite_model(shape=(-1, -1, -1, 3))
    with pytest.raises(
        InputRefused,
        match=r"\(\?, \?, \?, 3\) leaves the image's size open; give one with --input-size",
    ):
        Classifier(path, spec=ModelSpec(LABELS, normalization=UNIT))
    classifier = Classifier(path, spec=ModelSpec(LABELS, normalization=UNIT, input_size=(6, 10)))
    assert (classifier.preprocessing.height, classifier.preprocessing.width) == (6, 10)
    assert [prediction.score for prediction in classifier.classify(colour)] == probabilities(MEANS)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((1, 3, 8, 3), "could have its channels first or last; choose with --layout"),
        ((1, 8, 8, 4), r"expected an input of one image, .* found float32 \(1, 8, 8, 4\)"),
        ((1, 8, 3), r"expected an input of one image, .* found float32 \(1, 8, 3\)"),
    ],
)
def test_other_shapes_are_refused_with_what_was_found(
    tflite_model: MakeModel, shape, reason: str
) -> None:
    with pytest.raises(InputRefused, match=reason):
        Classifier(tflite_model(shape=shape), spec=ModelSpec(LABELS, normalization=UNIT))


def test_single_output_is_refused(tflite_model: MakeModel) -> None:
    path = tflite_model(weights=np.ones((1, 3)), ending="LOGISTIC")
    with pytest.raises(
        InputRefused, match=r"has a single output \(1, 1\) \(a sigmoid, for two classes\)"
    ):
        Classifier(path, spec=ModelSpec(("a",), normalization=UNIT))


def test_edge_tpu_file_is_refused_with_what_to_take(tflite_model: MakeModel) -> None:
    path = tflite_model(ending="CUSTOM", custom=b"edgetpu-custom-op")
    with pytest.raises(
        InputRefused, match="needs a Coral accelerator; take the file that was not compiled for one"
    ):
        Classifier(path, spec=ModelSpec(LABELS, normalization=UNIT))
