"""The mean of an exact heat map and the bias are the logit, in each format and precision."""

from pathlib import Path

import numpy as np
import pytest

from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from runtime.classifier import Classifier
from runtime.explanation.explainer import Explainer

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
    classifier = Classifier(tmp_path / spec.file, checked=True)
    head = Explainer(classifier).head
    assert head, "no average and linear layer found"
    biases = []
    for pixels in calibration[:12]:
        logits = np.log(classifier.scores(pixels))
        means = [head.activation_map(pixels, index).mean() for index in range(2)]
        biases.append(logits - logits.mean() - means)
    assert np.abs(biases - np.mean(biases, axis=0)).max() < LOGIT_ERROR.get(precision, 1e-3)
