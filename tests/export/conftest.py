"""The trained model of the session, loaded, and a bundle manifest for it."""

from pathlib import Path

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

    def change(model, number: int) -> None:
        norm, following = model.get_layer(f"conv{number}_bn"), model.get_layer(f"conv{number + 1}")
        gamma, beta, mean, variance = norm.get_weights()
        channel = int(np.argmax(beta))
        gamma[channel] *= 1e4
        beta[channel] *= 1e4
        norm.set_weights([gamma, beta, mean, variance])
        (kernel,) = following.get_weights()
        kernel[:, :, channel] /= 1e4
        following.set_weights([kernel])

    return change
