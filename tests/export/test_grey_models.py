"""Grey networks are trained, exported in every format and precision, and run on the device."""

import json
import subprocess
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.from_keras import convert as convert_onnx
from export.formats.tflite.convert import convert as convert_tflite
from export.inputs.keras_loader import load_flat_model, scores
from runtime.classifier import Classifier
from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.models.manifest import Manifest

CONVERT = {"tflite": convert_tflite, "onnx": convert_onnx}


@pytest.fixture(scope="module")
def grey_run(
    cells: Path, run_cli, small_training, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run folder of a small network on grey photos of solar cells."""
    run = tmp_path_factory.mktemp("grey") / "run"
    done = run_cli("train", cells, "-o", run, "--channels", "1", *small_training)
    assert done.returncode == 0, done.stderr
    return run


def test_a_grey_network_is_trained_exported_and_verified(grey_run: Path, run_cli) -> None:
    manifest = json.loads((grey_run / "manifest.json").read_text())
    assert manifest["preprocessing"]["channels"] == 1
    assert load_flat_model(grey_run / "model.keras").input_shape == (None, 64, 64, 1)
    bundle = grey_run / "bundle"
    limits = ("--max-drop", "0.2", "--min-agreement", "0.8")
    done = run_cli("export", "all", grey_run, *limits)
    assert done.returncode == 0, done.stderr
    artifacts = [row.file for row in Classifier(bundle).manifest.artifacts]
    assert len(artifacts) == 9
    for file in artifacts:
        shape = Classifier(bundle / file).backend.input.shape
        assert shape == (1, 64, 64, 1), file
    verified = run_cli("runtime", "verify", bundle)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    image = next((bundle / "golden").glob("*.png"))
    done = run_cli("runtime", "predict", bundle, image, "--json")
    assert done.returncode == 0, done.stderr


def test_the_bundle_tells_other_programs_that_it_is_grey(grey_run: Path) -> None:
    bundle = grey_run / "bundle"
    properties = onnx.load(bundle / "model.int8.onnx").metadata_props
    assert {entry.key: entry.value for entry in properties}["channels"] == "1"
    assert "a grey image" in (bundle / "README.md").read_text()


def test_grey_is_what_pillow_makes_of_the_resized_pixels(cells: Path) -> None:
    from PIL import Image

    image = next(cells.rglob("*.png"))
    colours = preprocess(image, Preprocessing(48, 48))
    grey = preprocess(image, Preprocessing(48, 48, channels=1))
    assert np.array_equal(grey[..., 0], np.array(Image.fromarray(colours).convert("L")))


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1)])
@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_digits_as_in_the_first_tutorial_of_keras_keep_their_scores_in_int8(
    kind: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    """A network that starts with Flatten, whose pixels ONNX cannot take as quantized input."""
    keras.utils.set_random_seed(3)
    steps = [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(16, activation="relu")]
    made = keras.Sequential([keras.Input(shape), *steps, layers.Dense(10, activation="softmax")])
    made.save(tmp_path / "digits.keras")
    model = load_flat_model(tmp_path / "digits.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1)).astype(np.uint8)
    manifest = Manifest("digits", tuple(map(str, range(10))), Preprocessing(28, 28, channels=1))
    content = CONVERT[kind](model, ArtifactSpec(kind, "int8"), pixels, manifest).content
    file = tmp_path / f"digits.{kind}"
    file.write_bytes(content)
    classifier = Classifier(file)
    answers = np.stack([classifier.scores(image) for image in pixels])
    assert np.abs(answers - scores(model, pixels)).max() < 0.02


def test_channels_1_needs_a_training_from_scratch(cells: Path, run_cli, tmp_path: Path) -> None:
    done: subprocess.CompletedProcess[str] = run_cli(
        "train", cells, "-o", tmp_path / "run", "--channels", "1"
    )
    assert done.returncode == 2
    assert "add --weights none" in done.stderr
