"""What a training leaves: a model with normalization and nothing random, and true results."""

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import short_lite

from runtime.images.preprocessing import Preprocessing, preprocess
from runtime.models.manifest import Manifest
from runtime.system.hashing import sha256_of
from train.backbones.registry import BACKBONES
from train.checkpoints.history import Epoch
from train.checkpoints.resume import UnfinishedRun
from train.configuration.options import TrainOptions
from train.data.dataset import build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions
from train.distribution.mixed_precision import MIXED
from train.fitting import train_model
from train.fitting.training_context import TrainingContext
from train.train_and_evaluate import train_and_evaluate
from workstation.run_folder import read_images


@pytest.fixture(scope="module")
def manifest(trained: Path) -> Manifest:
    return Manifest.from_json((trained / "manifest.json").read_text(), "manifest.json")


def test_saved_model_normalizes_first_and_holds_no_augmentation(trained: Path) -> None:
    with zipfile.ZipFile(trained / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    kinds = [layer["class_name"] for layer in config["config"]["layers"]]
    assert kinds[:2] == ["InputLayer", "Rescaling"]
    assert not [kind for kind in kinds if kind.startswith("Random") or kind == "Sequential"]
    assert config["config"]["layers"][1]["config"]["scale"] == 1 / 128
    assert kinds[-1] == "Dense"


def test_saved_model_gives_the_published_test_accuracy_from_the_files(
    trained: Path, cells: Path, manifest: Manifest
) -> None:
    model = keras.models.load_model(trained / "model.keras")
    tested = [image for image in read_images(trained) if image.split == "test"]
    pixels = np.stack([preprocess(cells / image.path, manifest.preprocessing) for image in tested])
    best = np.asarray(model.predict_on_batch(pixels.astype(np.float32))).argmax(1)
    accuracy = np.mean(
        [manifest.labels[index] == image.label for index, image in zip(best, tested, strict=True)]
    )
    results = manifest.provenance["results"]
    assert accuracy == results["test_accuracy"]
    assert len(tested) == results["test_images"]


@pytest.fixture
def context(cells: Path, tmp_path: Path) -> Callable[..., TrainingContext]:
    """Makes the context of a training on `cells`."""
    pixels = PixelCache(tmp_path / "cache", Preprocessing(32, 32))
    data = build_dataset(scan_image_folder(cells), pixels, SplitFractions(), 7)

    def make(
        options: TrainOptions, after_epoch: Callable[[Epoch], None] = lambda _: None
    ) -> TrainingContext:
        return TrainingContext(
            BACKBONES[options.backbone],
            data,
            pixels,
            options,
            tmp_path / "features",
            UnfinishedRun(tmp_path / "run.partial", {"options": {}}),
            after_epoch,
        )

    return make


def test_fine_tuned_model_is_saved_whole_and_trainable(
    context: Callable[..., TrainingContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKBONES, short_lite.NAME, short_lite.BACKBONE)
    options = TrainOptions(backbone=short_lite.NAME, head_epochs=1, epochs=0, variants=1)
    results = train_and_evaluate(context(options), tmp_path)
    assert results["test_images"] == 24
    model = keras.models.load_model(tmp_path / "model.keras")
    assert all(layer.trainable for layer in model.layers)
    assert model.layers[1].name == "normalize"
    assert not [layer for layer in model.layers if type(layer).__name__.startswith("Random")]


def test_mixed_precision_publishes_a_float32_model_that_has_learned(
    context: Callable[..., TrainingContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a card with tensor cores; a CPU computes in float16 too, only slowly."""
    monkeypatch.setattr(train_model, "choose_policy", lambda _: MIXED)
    fitted = []
    fit = train_model.fit

    def spy(model: keras.Model, *arguments: Any) -> Any:
        fitted.append(model)
        return fit(model, *arguments)

    monkeypatch.setattr(train_model, "fit", spy)
    options = TrainOptions(backbone="simple-cnn", head_epochs=8, epochs=0, variants=1, batch=16)
    losses: list[float] = []
    train_and_evaluate(context(options, lambda epoch: losses.append(epoch.loss)), tmp_path)
    assert losses[-1] < losses[0] / 2
    assert {layer.compute_dtype for layer in fitted[0].layers if layer.weights} >= {"float16"}
    model = keras.models.load_model(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.mixed_precision.dtype_policy().name == "float32"


def test_manifest_records_what_the_run_was_made_of(
    trained: Path, cells: Path, manifest: Manifest
) -> None:
    (artifact,) = manifest.artifacts
    assert (artifact.file, artifact.format, artifact.precision) == ("model.keras", "keras", "fp32")
    assert artifact.sha256 == sha256_of((trained / "model.keras").read_bytes())
    assert manifest.provenance["data"] == str(cells)
    assert manifest.provenance["made_by"]["options"]["backbone"] == "simple-cnn"
    assert {"keras", "numpy"} <= set(manifest.provenance["versions"])
    assert manifest.preprocessing.width == manifest.preprocessing.height == 64


def test_images_csv_holds_every_file_with_the_hash_of_its_content(
    trained: Path, cells: Path
) -> None:
    images = read_images(trained)
    assert {cells / image.path for image in images} == set(cells.rglob("*.png"))
    assert all(
        sha256_of((cells / image.path).read_bytes()) == image.sha256 for image in images[::10]
    )


def test_run_reports_the_validation_accuracy_of_the_weights_it_kept(
    trained: Path, manifest: Manifest
) -> None:
    with (trained / "history.csv").open() as file:
        epochs = {f"{row['stage']} epoch {row['epoch']}": row for row in csv.DictReader(file)}
    results = manifest.provenance["results"]
    assert results["val_accuracy"] == pytest.approx(
        float(epochs[results["kept_weights"]]["val_accuracy"]), abs=1e-5
    )
