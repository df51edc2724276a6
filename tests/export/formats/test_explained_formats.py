"""The mean of an exact heat map and the bias are the logit, in each format and precision."""

from pathlib import Path

import keras
import numpy as np
import pytest

from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from runtime.classifier import Classifier
from runtime.explanation.explainer import Explainer
from runtime.explanation.tflite_head import AVERAGE_POOL
from runtime.file_formats.tflite import read_tflite_graph

CONV_2D = 3
KINDS = [(name, precision) for name, row in FORMATS.items() for precision in row.precisions]
LOGIT_ERROR = {"int8": 0.2, "mixed": 0.2, "dynamic": 0.05, "fp16": 0.01, "int16x8": 0.02}
"""Of a logit. The head's own rounding is not in the map: 8 bits of the average and of the logit."""


@pytest.mark.parametrize(("name", "precision"), KINDS, ids="-".join)
def test_mean_of_the_map_and_the_bias_are_the_logit(
    seeded_model, calibration, manifest, tmp_path: Path, name: str, precision: str
) -> None:
    convolution = next(layer.name for layer in seeded_model.layers if "conv2d" in layer.name)
    in_float = (convolution,) if precision == "mixed" else ()
    spec = ArtifactSpec(name, precision, float_layers=in_float)
    content = FORMATS[name].convert.load()(seeded_model, spec, calibration, manifest).content
    (tmp_path / spec.file).write_bytes(content)
    check_map(tmp_path / spec.file, calibration[:12], LOGIT_ERROR.get(precision, 1e-3))


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_pooling_and_a_convolution_of_one_pixel_are_such_a_head_too(
    seeded_model, calibration, manifest, tmp_path: Path, precision: str
) -> None:
    """MobileNet and EfficientNet-Lite from TensorFlow's own model collection end like this."""
    features = next(
        layer.input
        for layer in seeded_model.layers
        if isinstance(layer, keras.layers.GlobalAveragePooling2D)
    )
    x = keras.layers.AveragePooling2D(features.shape[1:3])(features)
    convolution = keras.layers.Conv2D(2, 1, name="linear")  # others reset the counter
    x = keras.layers.Flatten()(convolution(x))
    model = keras.Model(seeded_model.input, keras.layers.Softmax()(x))
    spec = ArtifactSpec("tflite", precision)
    content = FORMATS["tflite"].convert.load()(model, spec, calibration, manifest).content
    (tmp_path / spec.file).write_bytes(content)
    graph = read_tflite_graph(content)
    assert {AVERAGE_POOL, CONV_2D} <= {operator.code for operator in graph.operators.values()}
    check_map(tmp_path / spec.file, calibration[:12], LOGIT_ERROR.get(precision, 1e-3))


def check_map(file: Path, images: np.ndarray, limit: float) -> None:
    """Checks that logits differ from the means of the maps by the same bias for each image."""
    classifier = Classifier(file, checked=True)
    head = Explainer(classifier).head
    assert head, "no average and linear layer found"
    biases = []
    for pixels in images:
        logits = np.log(classifier.scores(pixels))
        features = head.features(pixels)
        means = [head.map_of_features(features, index).mean() for index in range(2)]
        biases.append(logits - logits.mean() - means)
    assert np.abs(biases - np.mean(biases, axis=0)).max() < limit
