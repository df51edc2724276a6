"""The trained model of the session, loaded, and a bundle manifest for it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.quiet import prepare_tensorflow

prepare_tensorflow()

from export.bundle_writer import bundle_manifest
from export.calibration import choose_calibration
from export.keras_model import load
from export.trained import open_run


@pytest.fixture(scope="session")
def opened(trained: Path):
    return open_run(trained, None)


@pytest.fixture(scope="session")
def keras_model(trained: Path):
    return load(trained / "model.keras")


@pytest.fixture(scope="session")
def calibration(opened) -> np.ndarray:
    return choose_calibration(opened, 40, seed=1).pixels


@pytest.fixture(scope="session")
def manifest(opened):
    return bundle_manifest(opened)


@pytest.fixture(scope="session")
def widen():
    """Multiplies one channel of convolution `number` by 10,000 and divides its weights in the next by it: the same function in float."""

    def change(model, number: int, by: float = 1e4) -> None:
        norm, following = model.get_layer(f"conv{number}_bn"), model.get_layer(f"conv{number + 1}")
        gamma, beta, mean, variance = norm.get_weights()
        channel = int(np.argmax(beta))
        gamma[channel] *= by
        beta[channel] *= by
        norm.set_weights([gamma, beta, mean, variance])
        (kernel,) = following.get_weights()
        kernel[:, :, channel] /= by
        following.set_weights([kernel])

    return change


@pytest.fixture(scope="session")
def shake():
    """Gives every BatchNorm of a model statistics and weights that fold into something."""
    from keras.layers import BatchNormalization

    def change(model) -> None:
        generator = np.random.default_rng(1)
        for layer in model.layers:
            if isinstance(layer, BatchNormalization):
                layer.set_weights([generator.uniform(0.5, 1.5, one.shape) for one in layer.get_weights()])

    return change


@pytest.fixture
def widened(trained: Path, widen):
    """The trained network with a channel that int8 cannot bear behind each of its first three convolutions."""
    model = load(trained / "model.keras")
    for number in range(3):
        widen(model, number)
    return model


@pytest.fixture
def answers(manifest, calibration, tmp_path: Path):
    """(n, classes) scores that a model file gives for the calibration pictures."""
    from runtime.classifier import Classifier

    def ask(content: bytes) -> np.ndarray:
        file = tmp_path / "model.tflite"
        file.write_bytes(content)
        classifier = Classifier(file)
        return np.stack([classifier.scores(pixels) for pixels in calibration])

    return ask


@pytest.fixture
def records(exported: Path) -> dict[str, Any]:
    return json.loads((exported / "parity.json").read_text())["artifacts"]


@pytest.fixture
def sets(exported: Path) -> dict[str, Any]:
    return json.loads((exported / "calibration.json").read_text())["sets"]
