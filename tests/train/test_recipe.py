"""What a real training run leaves: a model that carries its normalisation and nothing random, and results that hold."""

import csv
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from runtime.digest import digest
from runtime.manifest import Manifest
from runtime.preprocess import Preprocessing, preprocess
from runtime.run_folder import read_pictures
from train import learn, recipe
from train.backbones import BACKBONES
from train.cache import PixelCache
from train.data import scan
from train.options import TrainOptions
from train.precision import MIXED
from train.recipe import follow_recipe
from train.split import Fractions
from train.unfinished import Unfinished


@pytest.fixture(scope="module")
def manifest(trained: Path) -> Manifest:
    return Manifest.from_json((trained / "manifest.json").read_text(), "manifest.json")


def test_saved_model_normalises_first_and_holds_no_augmentation(trained: Path) -> None:
    with zipfile.ZipFile(trained / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    kinds = [layer["class_name"] for layer in config["config"]["layers"]]
    assert kinds[:2] == ["InputLayer", "Rescaling"]
    assert not [kind for kind in kinds if kind.startswith("Random") or kind == "Sequential"]
    assert config["config"]["layers"][1]["config"]["scale"] == 1 / 128
    assert kinds[-1] == "Dense"


def test_saved_model_gives_the_published_test_accuracy_from_the_files(trained: Path, cells: Path, manifest: Manifest) -> None:
    model = keras.models.load_model(trained / "model.keras")
    tested = [picture for picture in read_pictures(trained) if picture.split == "test"]
    pixels = np.stack([preprocess(cells / picture.path, manifest.preprocessing) for picture in tested])
    best = np.asarray(model.predict_on_batch(pixels.astype(np.float32))).argmax(1)
    right = np.mean([manifest.labels[index] == picture.label for index, picture in zip(best, tested, strict=True)])
    results = manifest.provenance["results"]
    assert right == results["test_accuracy"]
    assert len(tested) == results["test_pictures"]


def test_fine_tuned_model_is_saved_whole_and_ready_to_be_trained_on(cells: Path, tmp_path: Path) -> None:
    cache = PixelCache(tmp_path / "cache", Preprocessing(32, 32))
    data = scan(cells, cache, Fractions(), 7)
    options = TrainOptions(head_epochs=1, epochs=0, views=1)
    partial = Unfinished(tmp_path / "run.partial", {"options": {}})
    results = follow_recipe(BACKBONES["efficientnet-lite0"], data, cache, options, tmp_path, tmp_path / "features", partial, lambda _: None)
    assert results["test_pictures"] == 24
    model = keras.models.load_model(tmp_path / "model.keras")
    assert all(layer.trainable for layer in model.layers)
    assert model.layers[1].name == "normalise"
    assert not [layer for layer in model.layers if type(layer).__name__.startswith("Random")]


def test_mixed_precision_publishes_a_float32_model_that_learnt(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a card with tensor cores; a CPU computes in float16 too, only slowly."""
    monkeypatch.setattr(learn, "policy", lambda cards: MIXED)
    cache = PixelCache(tmp_path / "cache", Preprocessing(32, 32))
    data = scan(cells, cache, Fractions(), 7)
    seen = []
    fit = learn.fit
    monkeypatch.setattr(learn, "fit", lambda model, *rest: seen.append(model) or fit(model, *rest))
    options = TrainOptions(backbone="simple-cnn", head_epochs=8, epochs=0, views=1, batch=16)
    partial = Unfinished(tmp_path / "run.partial", {"options": {}})
    losses: list[float] = []
    recipe.follow_recipe(
        BACKBONES["simple-cnn"], data, cache, options, tmp_path, tmp_path / "f", partial, lambda epoch: losses.append(epoch.loss)
    )
    assert losses[-1] < losses[0] / 2
    assert {layer.compute_dtype for layer in seen[0].layers if layer.weights} >= {"float16"}
    model = keras.models.load_model(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.mixed_precision.dtype_policy().name == "float32"


def test_manifest_says_what_the_run_was_made_of(trained: Path, cells: Path, manifest: Manifest) -> None:
    (artifact,) = manifest.artifacts
    assert (artifact.file, artifact.format, artifact.precision) == ("model.keras", "keras", "fp32")
    assert artifact.sha256 == digest((trained / "model.keras").read_bytes())
    assert manifest.provenance["data"] == str(cells)
    assert manifest.provenance["made_by"]["options"]["backbone"] == "simple-cnn"
    assert {"keras", "numpy"} <= set(manifest.provenance["versions"])
    assert manifest.preprocessing.width == manifest.preprocessing.height == 64


def test_pictures_csv_holds_every_file_with_the_hash_of_its_content(trained: Path, cells: Path) -> None:
    pictures = read_pictures(trained)
    assert {cells / picture.path for picture in pictures} == set(cells.rglob("*.png"))
    assert all(digest((cells / picture.path).read_bytes()) == picture.sha256 for picture in pictures[::10])


def test_run_reports_the_validation_accuracy_of_the_weights_it_kept(trained: Path, manifest: Manifest) -> None:
    with (trained / "history.csv").open() as file:
        epochs = {f"{row['stage']} epoch {row['epoch']}": row for row in csv.DictReader(file)}
    results = manifest.provenance["results"]
    assert results["val_accuracy"] == pytest.approx(float(epochs[results["kept"]]["val_accuracy"]), abs=1e-5)
