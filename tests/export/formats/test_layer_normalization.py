"""Checks files of networks with LayerNormalization, GELU and layer scale, such as ConvNeXt."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.from_keras import convert as to_onnx
from export.formats.tflite.convert import convert as to_tflite
from runtime.classifier import Classifier


@pytest.fixture(scope="module")
def convnext(calibration) -> keras.Model:
    """Returns two blocks of ConvNeXt, in which some channels are far larger than the others."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input(calibration.shape[1:])
    x = layers.Conv2D(16, 4, 4)(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    x = layers.LayerNormalization()(x)
    for _ in range(2):
        y = layers.LayerNormalization()(layers.Conv2D(16, 7, padding="same", groups=16)(x))
        y = layers.Dense(16)(layers.Activation("gelu")(layers.Dense(64)(y)))
        x = layers.Add()([x, layers.Rescaling(np.linspace(0.1, 2, 16).tolist())(y)])
    x = layers.LayerNormalization()(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(2, "softmax")(x))
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name == "gamma":
            sizes = np.where(np.arange(weight.shape[0]) % 8 == 3, 8, 1)
            weight.assign(sizes * generator.uniform(0.5, 1.5, weight.shape))
        elif weight.name == "kernel":
            weight.assign(2 * np.asarray(weight))
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel / 8, bias])
    return model


@pytest.mark.parametrize(
    ("name", "module"), [("tflite", "tflite.convert"), ("onnx", "onnx.from_keras")]
)
@pytest.mark.parametrize(("precision", "error"), [("fp32", 1e-5), ("int8", 0.0025)])
def test_files_give_the_scores_of_keras(
    name: str,
    module: str,
    precision: str,
    error: float,
    convnext,
    calibration,
    manifest,
    tmp_path: Path,
) -> None:
    spec = ArtifactSpec(name, precision)
    convert = {"tflite": to_tflite, "onnx": to_onnx}[name]
    (tmp_path / spec.file).write_bytes(convert(convnext, spec, calibration, manifest).content)
    classifier = Classifier(tmp_path / spec.file)
    scores = np.stack([classifier.scores(pixels) for pixels in calibration])
    exact = convnext.predict_on_batch(calibration.astype(np.float32))
    assert exact.std(axis=0).min() > 0.05, "the scores of the images differ"
    assert np.abs(scores - exact).mean() < error
