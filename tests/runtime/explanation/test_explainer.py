"""The map is that of the file, exactly, and follows its weights and the object in the image."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from runtime.bundles.golden_images import read_golden
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.explanation.explainer import Explainer, explain
from runtime.images.preprocessing import preprocess

FILES = ("model.int8.tflite", "model.fp32.onnx")
LOGIT_ERROR = {"model.int8.tflite": 0.1, "model.fp32.onnx": 1e-3}
"""Of int8, the average has a scale of its own, so each of 48 features is rounded once more."""


@pytest.fixture(scope="module")
def images(exported: Path) -> list[Path]:
    return [exported / "golden" / sample.file for sample in read_golden(exported)]


def activation_maps(classifier: Classifier, images: list[Path]) -> list[np.ndarray]:
    """Returns the map of the first class for each image."""
    head = Explainer(classifier).head
    assert head
    every = [preprocess(image, classifier.preprocessing) for image in images]
    return [head.map_of_features(head.features(pixels), 0).ravel() for pixels in every]


@pytest.mark.parametrize("file", FILES)
def test_mean_of_the_map_and_the_bias_are_the_logit(
    exported: Path, images: list[Path], file: str
) -> None:
    """The logits are known up to what is the same for all classes, and the bias for all images."""
    classifier = Classifier(exported / file)
    head = Explainer(classifier).head
    assert head
    differences = []
    for image in images:
        pixels = preprocess(image, classifier.preprocessing)
        logits = np.log(classifier.scores(pixels))
        features = head.features(pixels)
        maps = [head.map_of_features(features, index) for index in range(2)]
        assert maps[0].shape == (4, 4)
        means = np.array([values.mean() for values in maps])
        differences.append(logits - logits.mean() - means)
    assert np.ptp(differences, axis=0).max() < LOGIT_ERROR[file]


@pytest.mark.parametrize("file", FILES)
def test_map_has_the_size_of_the_image_and_its_peak_at_1(
    exported: Path, images: list[Path], file: str
) -> None:
    classifier = Classifier(exported / file)
    for image in images[:3]:
        pixels = preprocess(image, classifier.preprocessing)
        best = int(classifier.scores(pixels).argmax())
        heat, method, *_ = explain(classifier, pixels, best)
        assert (heat.shape, heat.dtype, method) == ((64, 64), np.float32, "class activation map")
        assert heat.min() >= 0
        assert 0.5 < heat.max() <= 1


def test_map_changes_when_the_weights_of_the_head_are_shuffled(
    exported: Path, images: list[Path], tmp_path: Path
) -> None:
    """Adebayo et al., "Sanity Checks for Saliency Maps", 2018: an edge detector would fail here."""
    model = onnx.load(exported / "model.fp32.onnx")
    (dense,) = (node for node in model.graph.node if node.op_type == "Gemm")
    (kernel,) = (weight for weight in model.graph.initializer if weight.name == dense.input[1])
    own = activation_maps(Classifier(exported / "model.fp32.onnx"), images[:4])
    weights = numpy_helper.to_array(kernel)
    likeness = []
    for seed in range(12):
        shuffled = np.random.default_rng(seed).permutation(weights)
        kernel.CopyFrom(numpy_helper.from_array(shuffled, kernel.name))
        onnx.save(model, tmp_path / "shuffled.onnx")
        other = activation_maps(Classifier(tmp_path / "shuffled.onnx"), images[:4])
        likeness += [np.corrcoef(maps)[0, 1] for maps in zip(own, other, strict=True)]
    assert np.mean(likeness) < 0.7, likeness


def test_a_file_that_was_replaced_is_refused(bundle: Path) -> None:
    classifier = Classifier(bundle / "model.int8.tflite")
    shutil.copy(bundle / "model.fp32.onnx", bundle / "model.int8.tflite")
    with pytest.raises(InputRefused):
        Explainer(classifier)
