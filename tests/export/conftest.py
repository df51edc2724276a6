"""The trained model of the session, loaded, and a bundle manifest for it."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from warm_python import WarmPython

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import keras
import tensorflow as tf

from export.commands.export import main
from export.graph.model_signature import ModelSignature
from export.graph.wrapping import Wrapping
from export.inputs.keras_loader import load_flat_model
from export.inputs.limited_child import name_damage
from export.inputs.sandbox import load_signature
from export.inputs.trained_run import open_run
from export.parity.artifact_record import ArtifactRecord, read_records
from export.publish import bundle_manifest
from export.quantization.calibration import choose_calibration
from runtime.cli.program import _run
from runtime.system.hashing import sha256_of
from runtime.system.terminal import quiet


class FloatOnnx(NamedTuple):
    """An external .onnx file, with the options that it needs."""

    path: Path
    labels: Path
    normalize: str

    @property
    def options(self) -> tuple[str, ...]:
        return ("--labels", str(self.labels), "--normalize", self.normalize)


@pytest.fixture(scope="session")
def opened(trained: Path):
    return open_run(trained, None)


@pytest.fixture(scope="session")
def keras_model(trained: Path):
    return load_flat_model(trained / "model.keras")


@pytest.fixture(scope="session")
def seeded_model() -> keras.Model:
    """Returns a network of four convolutions and a Dense layer with the same weights everywhere.

    Training gives other weights on another processor, so bounds on rounding errors need this.
    """
    inputs = keras.Input((64, 64, 3))
    x = keras.layers.Rescaling(1 / 128, -127 / 128)(inputs)
    for filters in (8, 16, 24, 48):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    generator = np.random.default_rng(3)
    for weight in model.weights:
        deviation = 0.05 if len(weight.shape) == 1 else np.sqrt(2 / np.prod(weight.shape[:-1]))
        weight.assign(generator.normal(0, deviation, weight.shape))
    return model


@pytest.fixture(scope="session")
def calibration(opened) -> np.ndarray:
    return choose_calibration(opened, 40, seed=1).pixels


@pytest.fixture(scope="session")
def manifest(opened):
    return bundle_manifest(opened)


@pytest.fixture(scope="session")
def widen():
    """Multiplies one channel of convolution `number` by 10,000, which int8 cannot represent.

    The weights of that channel in the next convolution are divided by it, so the function in float
    stays the same.
    """

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
                layer.set_weights(
                    [generator.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()]
                )

    return change


@pytest.fixture(scope="session")
def save_into():
    """Saves another model into a run folder, with its hash in the manifest."""

    def save(run: Path, model) -> None:
        model.save(run / "model.keras")
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["artifacts"][0]["sha256"] = sha256_of((run / "model.keras").read_bytes())
        (run / "manifest.json").write_text(json.dumps(manifest))

    return save


@pytest.fixture
def widened(trained: Path, widen):
    """The trained network, with a channel too wide for int8 after each of three convolutions."""
    model = load_flat_model(trained / "model.keras")
    for number in range(3):
        widen(model, number)
    return model


@pytest.fixture(scope="session")
def float_onnx(trained: Path, keras_model, tmp_path_factory: pytest.TempPathFactory):
    """The trained network as another tool would write it: float planes in, logits out."""
    from export.formats.onnx.from_keras import keras_to_onnx
    from export.formats.onnx.graph import INPUT
    from export.graph.input_normalization import split_input_normalization

    folder = tmp_path_factory.mktemp("float")
    normalization, inner = split_input_normalization(keras_model)
    with quiet(1, 2):
        model = keras_to_onnx(inner, tf.float32, 1, folder)
    (softmax,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    logits = softmax.input[0]
    model.graph.node.remove(softmax)
    model.graph.output[0].name = logits
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    assert model.graph.input[0].name == INPUT
    path = folder / "cells.onnx"
    onnx.save(model, path)
    labels = folder / "labels.txt"
    labels.write_text("mono\npoly\n")
    normalize = f"{normalization.zero_point},{1 / normalization.scale}"
    return FloatOnnx(path, labels, normalize)


@pytest.fixture
def answers(manifest, calibration, tmp_path: Path):
    """(n, classes) scores that a model file gives for the calibration images."""
    from runtime.classifier import Classifier

    def ask(content: bytes) -> np.ndarray:
        file = tmp_path / "model.tflite"
        file.write_bytes(content)
        classifier = Classifier(file)
        return np.stack([classifier.scores(pixels) for pixels in calibration])

    return ask


@pytest.fixture
def records(exported: Path) -> dict[str, ArtifactRecord]:
    return read_records(exported)


@pytest.fixture
def sets(exported: Path) -> dict[str, Any]:
    return json.loads((exported / "calibration.json").read_text())["sets"]


@pytest.fixture
def loaded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries models here, not in a child that imports TensorFlow; test_sandbox.py does that."""

    def try_loading(path: Path, preparation: Wrapping) -> ModelSignature:
        words = json.dumps(asdict(preparation))
        return ModelSignature(**name_damage(load_signature, path, 2**40, words))

    monkeypatch.setattr("export.inputs.external_model.try_loading", try_loading)


@pytest.fixture
def warm_children(monkeypatch: pytest.MonkeyPatch, warm_python: WarmPython) -> None:
    """Lets `ask_child` start its children as forks that need not import TensorFlow anew."""

    def run(command: list[str], *, env: dict[str, str], timeout: float, **_: object):
        start = command.index("-m") + 1
        with warm_python.start(command[start:], env=env) as process:
            try:
                printed = process.communicate(timeout=timeout)
            finally:
                process.kill()
        output, errors = (text.encode() for text in printed)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    warm = SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired)
    monkeypatch.setattr("runtime.system.subprocesses.subprocess", warm)


@pytest.fixture
def export_here(
    loaded_here: None, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `export` as `run_cli` does, in this process, on a model that a test has made."""

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        command = list(map(str, words))
        code = _run("python -m export", main, command)
        return subprocess.CompletedProcess(command, code, *capfd.readouterr())

    return run
