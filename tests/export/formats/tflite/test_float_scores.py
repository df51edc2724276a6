"""Checks that int8 files give different images different scores, and which operators are float."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.formats.tflite.float_scores import MAX_FLOAT_WEIGHTS, score_tensors
from export.inputs.keras_loader import scores

INT8 = ArtifactSpec("tflite", "int8")


def operators(content: bytes) -> list[str]:
    names = [row["op_name"] for row in Interpreter(model_content=content)._get_ops_details()]
    return [name for name in names if name != "DELEGATE"]


def colour_classifier(*tail: layers.Layer) -> keras.Model:
    inputs = keras.Input((64, 64, 3))
    values = layers.GlobalAveragePooling2D()(inputs)
    for layer in tail:
        values = layer(values)
    return keras.Model(inputs, values)


def test_images_differ_in_score_as_they_do_in_keras(
    seeded_model, calibration, manifest, answers
) -> None:
    content = convert(seeded_model, INT8, calibration, manifest).content
    ours, exact = answers(content).max(axis=1), scores(seeded_model, calibration).max(axis=1)
    assert len(np.unique(exact)) > 30
    assert len(np.unique(ours)) >= len(np.unique(exact)) - 1


@pytest.mark.parametrize(
    ("tail", "last"),
    [
        ([layers.Dense(2, "softmax")], ["DEQUANTIZE", "FULLY_CONNECTED", "SOFTMAX"]),
        ([layers.Dense(2, "sigmoid")], ["DEQUANTIZE", "FULLY_CONNECTED", "LOGISTIC"]),
        (
            [layers.Dense(MAX_FLOAT_WEIGHTS // 3 + 1, "softmax")],
            ["FULLY_CONNECTED", "DEQUANTIZE", "SOFTMAX"],
        ),
        ([layers.Reshape((1, 3)), layers.Flatten(), layers.Softmax()], ["DEQUANTIZE", "SOFTMAX"]),
        ([layers.Dense(2)], ["FULLY_CONNECTED", "DEQUANTIZE"]),
    ],
    ids=["softmax", "sigmoid", "large Dense", "no Dense", "logits"],
)
def test_only_the_end_is_in_float(
    tail: list[layers.Layer], last: list[str], calibration, manifest
) -> None:
    content = convert(colour_classifier(*tail), INT8, calibration[:4], manifest).content
    names = operators(content)
    assert names[-len(last) :] == last
    assert names.count("DEQUANTIZE") == 1


def test_a_model_without_an_activation_has_no_score_tensors(
    calibration, manifest, answers: Callable
) -> None:
    fp32 = ArtifactSpec("tflite", "fp32")
    logits, softmax = (
        convert(colour_classifier(layers.Dense(2, kind)), fp32, calibration[:0], manifest).content
        for kind in (None, "softmax")
    )
    assert (score_tensors(logits), len(score_tensors(softmax))) == ([], 2)
