"""Tests the metadata that Ultralytics writes into the ONNX files it exports."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime import Classifier
from runtime.errors import InputRefused
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import MODES

MakeModel = Callable[..., Path]
LABELS = ("red", "green", "blue")
MEANS = (1.0, 0.4, 0.0)
"""Of the fixture `colour` in 0..1."""


def probabilities(values) -> list[float]:
    powers = np.exp(np.array(values, np.float64))
    return [pytest.approx(value, abs=1e-3) for value in powers / powers.sum()]


def scores(path: Path, image, spec: ModelSpec) -> list[float]:
    answer = {
        prediction.label: prediction.score
        for prediction in Classifier(path, spec=spec).classify(image)
    }
    return [answer[label] for label in spec.labels or LABELS]


@pytest.mark.parametrize(
    "names",
    [
        "{0: 'red', 1: 'green', 2: 'blue'}",
        "['red', 'green', 'blue']",
        '{"2": "blue", "0": "red", "1": "green"}',
    ],
)
def test_ultralytics_metadata_say_all_of_it(external_onnx: MakeModel, colour, names: str) -> None:
    path = external_onnx(
        shape=(1, 3, "h", "w"),
        endings=("Softmax",),
        props={"names": names, "imgsz": "[6, 8]", "task": "classify"},
    )
    classifier = Classifier(path)
    assert (classifier.labels, classifier.preprocessing.height, classifier.preprocessing.width) == (
        LABELS,
        6,
        8,
    )
    assert [prediction.score for prediction in classifier.classify(colour)] == probabilities(MEANS)


def test_what_the_user_says_is_believed_before_ultralytics_metadata(
    external_onnx: MakeModel, colour
) -> None:
    path = external_onnx(props={"names": "{0: 'a', 1: 'b', 2: 'c'}", "task": "classify"})
    external = ModelSpec(LABELS, normalization=MODES["caffe"], fit="pad")
    assert scores(path, colour, external) == probabilities((-103.939, -14.779, 131.32))
    assert Classifier(path, spec=external).preprocessing.fit == "pad"


@pytest.mark.parametrize(
    ("props", "reason"),
    [
        (
            {"names": "{0: 'a'}", "task": "detect"},
            "expected a classifier, but its metadata say its task is 'detect'",
        ),
        (
            {"names": "{0: 'a', 2: 'b'}", "task": "classify"},
            "the class names in its metadata are not numbered from 0",
        ),
        ({"names": "__import__('os')", "task": "classify"}, "its metadata are no Python literal"),
        ({"names": "[" * 5000, "task": "classify"}, "its metadata are no Python literal"),
        (
            {"names": "{0: 'a', 1: 'b'}", "task": "classify"},
            "names: has 2 labels, but the model has 3 outputs",
        ),
        (
            {"names": "{0: 'a', 1: 'b', 2: ''}", "task": "classify"},
            "expected labels of 1 to 1000 characters",
        ),
    ],
    ids=str,
)
def test_ultralytics_metadata_that_do_not_hold_up_are_refused(
    external_onnx: MakeModel, props, reason: str
) -> None:
    with pytest.raises(InputRefused, match=reason):
        Classifier(external_onnx(props=props))
