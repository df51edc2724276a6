"""A saved model is what Keras reads, with no date in its archive."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import keras

from workstation.keras_archive import check_keras_file
from workstation.keras_loading import load_keras_file
from workstation.keras_saving import save_keras_file


@pytest.fixture
def model() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(features))


def test_the_saved_model_is_loaded_with_the_same_weights(model, tmp_path: Path) -> None:
    save_keras_file(model, tmp_path / "model.keras")
    check_keras_file(tmp_path / "model.keras")
    loaded = load_keras_file(tmp_path / "model.keras")
    for old, new in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(old, new)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_its_archive_is_as_keras_writes_it_but_for_the_date(model, tmp_path: Path) -> None:
    save_keras_file(model, tmp_path / "ours.keras")
    model.save(tmp_path / "keras.keras")
    with zipfile.ZipFile(tmp_path / "ours.keras") as ours:
        with zipfile.ZipFile(tmp_path / "keras.keras") as of_keras:
            assert ours.namelist() == of_keras.namelist()
            assert ours.read("config.json") == of_keras.read("config.json")
        assert {info.date_time for info in ours.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in ours.infolist()} == {zipfile.ZIP_STORED}
