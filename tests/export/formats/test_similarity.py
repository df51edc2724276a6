"""Tests the second output of both formats in every precision, through the device's code."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from export.parity.keras_outputs import keras_outputs
from export.parity.similarity_sample import SimilaritySample, file_features
from runtime.classifier import Classifier
from runtime.errors import CheckFailed, InputRefused
from runtime.images.preprocessing import Preprocessing
from runtime.models.manifest import Manifest
from workstation.similarity.prototypes import Prototypes, choose_prototypes

LABELS = ("a", "b", "c", "d", "e")
MANIFEST = Manifest("test", LABELS, Preprocessing(32, 32))
ALL = [(name, precision) for name, row in FORMATS.items() for precision in row.precisions]


def small_network(*, dense: bool = True, classes: int = 5) -> keras.Model:
    keras.utils.set_random_seed(0)
    values = pixels = keras.Input((32, 32, 3))
    values = layers.Rescaling(1 / 127.5, -1)(values)
    for channels in (16, 64):
        values = layers.Conv2D(channels, 3, strides=4, padding="same")(values)
        values = layers.ReLU(6)(values)
    if dense:
        values = layers.GlobalAveragePooling2D()(values)
        activation = "softmax" if classes > 1 else "sigmoid"
        return keras.Model(pixels, layers.Dense(classes, activation=activation)(values))
    values = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 1)(values))
    return keras.Model(pixels, layers.Softmax()(values))


def images() -> SimilaritySample:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    pixels[::2] //= 3
    return SimilaritySample(pixels, np.arange(40) % 5)


def convert(name: str, precision: str, model: keras.Model, manifest: Manifest = MANIFEST) -> bytes:
    spec = ArtifactSpec(name, precision)
    return FORMATS[name].convert.load()(model, spec, images().pixels, manifest).content


@pytest.mark.parametrize(("name", "precision"), ALL)
def test_similarities_are_those_of_the_keras_model_and_no_score_changes(
    tmp_path: Path, name: str, precision: str
) -> None:
    model, sample, row = small_network(), images(), FORMATS[name]
    content, file = convert(name, precision, model), tmp_path / f"model.{name}"
    file.write_bytes(content)
    plain = Classifier(file, checked=True)
    file.write_bytes(row.with_features.load()(content))
    features = file_features(file, sample.pixels)
    prototypes = choose_prototypes(features, sample.truth, 5, 10**6)
    assert prototypes.table.shape == (5, 1, 64), "8 images of a class are one look"
    file.write_bytes(
        row.with_manifest.load()(row.with_similarity.load()(content, prototypes), MANIFEST)
    )
    both = Classifier(file, checked=True)
    both.require_similarities("--min-similarity")
    with pytest.raises(InputRefused, match="no similarities"):
        plain.require_similarities("--min-similarity")
    expected = keras_outputs(model, sample, LABELS)(sample.pixels).similarities
    assert expected is not None
    for pixels, similar in zip(sample.pixels, expected, strict=True):
        scores, similarities = both.raw_outputs(pixels)
        # ONNX Runtime may order the casts around float16 differently.
        tolerance = 1e-3 if precision == "fp16" else 0
        np.testing.assert_allclose(scores, plain.scores(pixels), rtol=0, atol=tolerance)
        np.testing.assert_allclose(similarities, similar, atol=5e-3)


@pytest.mark.parametrize("name", FORMATS)
def test_the_most_similar_of_several_looks_counts(tmp_path: Path, name: str) -> None:
    model, sample, row = small_network(), images(), FORMATS[name]
    content, file = convert(name, "fp32", model), tmp_path / f"model.{name}"
    file.write_bytes(row.with_features.load()(content))
    features = file_features(file, sample.pixels)
    table = np.zeros((5, 3, 64), np.float32)
    table[:, 1] = features[7] / np.linalg.norm(features[7])
    table[3] = -table[3]
    file.write_bytes(row.with_similarity.load()(content, Prototypes(table)))
    similarities = Classifier(file, checked=True).raw_outputs(sample.pixels[7])[1]
    np.testing.assert_allclose(similarities, [1, 1, 1, 0, 1], atol=1e-3)


@pytest.mark.parametrize("name", FORMATS)
def test_network_without_a_dense_layer_at_its_end_has_no_features(name: str) -> None:
    content = convert(name, "fp32", small_network(dense=False))
    assert FORMATS[name].with_features.load()(content) is None


@pytest.mark.parametrize("name", FORMATS)
def test_table_of_another_number_of_classes_is_refused(tmp_path: Path, name: str) -> None:
    content = convert(name, "fp32", small_network())
    table = Prototypes(np.ones((4, 1, 64), np.float32))
    file = tmp_path / f"model.{name}"
    file.write_bytes(FORMATS[name].with_similarity.load()(content, table))
    with pytest.raises(InputRefused, match="similarity"):
        Classifier(file, checked=True)


@pytest.mark.parametrize("name", FORMATS)
def test_similarity_that_is_no_number_is_an_error(tmp_path: Path, name: str) -> None:
    table = np.full((5, 1, 64), np.nan, np.float32)
    file = tmp_path / f"model.{name}"
    content = convert(name, "fp32", small_network())
    file.write_bytes(FORMATS[name].with_similarity.load()(content, Prototypes(table)))
    with pytest.raises(CheckFailed, match="NaN"):
        Classifier(file, checked=True).classify(Image.new("RGB", (40, 40)))


@pytest.mark.parametrize(("name", "precision"), ALL)
def test_score_of_the_only_class_is_its_similarity(
    tmp_path: Path, name: str, precision: str
) -> None:
    model, sample, row = small_network(classes=1), images(), FORMATS[name]
    manifest = replace(MANIFEST, labels=("a",))
    content, file = convert(name, precision, model, manifest), tmp_path / f"model.{name}"
    file.write_bytes(row.with_features.load()(content))
    features = file_features(file, sample.pixels)
    prototypes = choose_prototypes(features[:20], np.zeros(20, int), 1)
    assert prototypes.table.shape == (1, 20, 64), "each of 20 images is a look"
    file.write_bytes(row.with_similarity.load()(content, prototypes))
    classifier = Classifier(file, checked=True)
    for pixels, expected in zip(sample.pixels, prototypes.similarity(features), strict=True):
        scores, similarities = classifier.raw_outputs(pixels)
        assert similarities is not None
        np.testing.assert_allclose(similarities, expected, atol=1e-3)
        np.testing.assert_array_equal(scores, similarities.clip(0, 1))


@pytest.mark.parametrize("name", FORMATS)
def test_one_label_without_similarities_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"model.{name}"
    manifest = replace(MANIFEST, labels=("a",))
    file.write_bytes(convert(name, "fp32", small_network(classes=1), manifest))
    with pytest.raises(InputRefused, match="would know every image"):
        Classifier(file, checked=True)
