"""Tests the temperature of scores, its record in a manifest, and its use by Classifier."""

import json
from pathlib import Path

import numpy as np
import pytest

from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.models.confidence import Confidence, apply_temperature
from runtime.models.manifest import Manifest

GOOD = {
    "temperature": 1.5,
    "min_score": 0.6,
    "images": 40,
    "right_kept": 0.95,
    "wrong_refused": 0.5,
}


def test_tempered_scores_are_the_softmax_of_the_logits_over_the_temperature() -> None:
    logits = np.array([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0]])
    plain, cooler = (
        np.exp(logits / t) / np.exp(logits / t).sum(1, keepdims=True) for t in (1, 2.5)
    )
    assert np.allclose(apply_temperature(plain, 2.5), cooler, atol=1e-6)
    assert apply_temperature(plain.astype(np.float32), 2.5).dtype == np.float32


def test_temperature_1_changes_nothing_but_rounding_and_no_temperature_the_best_class() -> None:
    scores = np.float32([0.7, 0.2, 0.1, 0.0])
    assert np.allclose(apply_temperature(scores, 1), scores, atol=2e-3)
    small = np.float32([0.9, 0.1, 1e-9, 0.0])
    assert np.allclose(apply_temperature(small, 1), small, atol=1e-6)
    for temperature in (0.2, 1, 5, 20):
        probabilities = apply_temperature(scores, temperature)
        assert np.argsort(-probabilities).tolist() == [0, 1, 2, 3]
        assert probabilities.sum() == pytest.approx(1)


def test_a_saturated_score_can_be_tempered_and_many_zeros_do_not_outweigh_it() -> None:
    sure = np.float32([255 / 256, 0])
    assert 0.6 < apply_temperature(sure, 4)[0] < 0.95
    assert apply_temperature(np.append(np.float32(0.9), np.zeros(999, np.float32)), 1)[0] > 0.99


def test_manifest_carries_it_and_one_without_it_is_as_before() -> None:
    manifest = Manifest("n", ("a", "b"), Preprocessing(8, 8))
    assert "confidence" not in json.loads(manifest.to_json())
    having = Manifest("n", ("a", "b"), Preprocessing(8, 8), confidence=Confidence(**GOOD))
    assert Manifest.from_json(having.to_json(), "x") == having


@pytest.mark.parametrize("wrong", [None, "1", True, float("nan"), -1, 1e9, []], ids=repr)
@pytest.mark.parametrize("field", ["temperature", "min_score", "right_kept", "wrong_refused"])
def test_confidence_that_does_not_hold_up_is_refused(field: str, wrong: object) -> None:
    data = json.loads(Manifest("n", ("a", "b"), Preprocessing(8, 8)).to_json())
    with pytest.raises(InputRefused, match=f"confidence.{field}"):
        Manifest.from_json(json.dumps({**data, "confidence": {**GOOD, field: wrong}}), "x")


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.fp32.onnx"])
def test_export_fits_each_file_and_the_file_alone_says_the_same_as_its_bundle(
    exported: Path, photo: Path, file: str
) -> None:
    whole, alone = Classifier(exported, artifact=file), Classifier(exported / file)
    recorded = json.loads((exported / "parity.json").read_text())["artifacts"][file]["confidence"]
    assert alone.confidence == whole.confidence == Confidence(**recorded)
    assert alone.confidence is not None
    assert alone.confidence.images > 10
    pixels = preprocess(photo, alone.preprocessing)
    expected = apply_temperature(alone.scores(pixels), alone.confidence.temperature)
    assert np.array_equal(alone.probabilities(pixels), expected)
    assert alone.classify(photo)[0].score == pytest.approx(float(expected.max()))


def test_model_file_without_it_gives_its_own_scores(onnx_model, photo: Path) -> None:
    classifier = Classifier(onnx_model())
    assert classifier.confidence is None
    pixels = preprocess(photo, classifier.preprocessing)
    assert np.array_equal(classifier.probabilities(pixels), classifier.scores(pixels))
