"""`.h5` files of Keras 2 are checked, and read with tf_keras where it is installed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from export.inputs.keras2 import check_keras2_file, saved_model_of
from export.inputs.keras2_config import check_hdf5
from export.inputs.keras_loader import load_flat_model, scores
from runtime.errors import InputRefused

MAKE = """
import os, sys
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tf_keras as keras

keras.utils.set_random_seed(1)
layers = keras.layers
inputs = keras.Input((32, 32, 3))
x = keras.applications.mobilenet_v2.preprocess_input(inputs)
x = layers.Conv2D(8, 3, strides=2, name="first")(x)
x = layers.BatchNormalization()(x)
x = layers.ReLU(6.0)(x)
base = keras.Model(inputs, layers.DepthwiseConv2D(3, name="second")(x))
head = keras.Sequential([layers.Dense(3, activation="softmax", input_shape=(8,))])
model = keras.Sequential([base, layers.GlobalAveragePooling2D(), head])
model.build((None, 32, 32, 3))
model.save("good.h5")
pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.float32)
np.save("scores.npy", model(pixels, training=False).numpy())
harm = "[open('harm', 'w'), x][1]"
code = layers.Lambda(eval("lambda x: " + harm), output_shape=(3,))
flat = [keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(3)]
keras.Sequential([*flat, code]).save("code.h5")
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """good.h5, its scores of five images, and code.h5 with a Lambda layer, of tf_keras."""
    if importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras is not installed here")
    folder = tmp_path_factory.mktemp("keras2")
    subprocess.run([sys.executable, "-c", MAKE], cwd=folder, check=True, capture_output=True)
    (folder / "harm").unlink(missing_ok=True)
    return folder


def test_a_keras_2_file_gives_the_scores_that_keras_2_gives(
    files: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    check_keras2_file(files / "good.h5")
    folder = saved_model_of(files / "good.h5")
    assert tmp_path in folder.parents
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    assert np.allclose(
        scores(load_flat_model(folder), pixels), np.load(files / "scores.npy"), atol=1e-5
    )
    written = (folder / "saved_model.pb").stat().st_mtime_ns
    assert saved_model_of(files / "good.h5") == folder
    assert (folder / "saved_model.pb").stat().st_mtime_ns == written


def test_code_in_a_keras_2_file_is_refused_and_does_not_run(
    files: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputRefused, match=r"layer 'lambda' is a Lambda, .*model\.export"):
        saved_model_of(files / "code.h5")
    assert not (files / "harm").exists()
    assert not list((tmp_path / "quince" / "keras2").iterdir())


def test_without_tf_keras_the_line_says_what_to_install(tmp_path: Path) -> None:
    if importlib.util.find_spec("tf_keras"):
        pytest.skip("tf_keras is installed here")
    with pytest.raises(InputRefused, match=r"Keras 2\.15\.0.*pip install --no-deps 'tf_keras"):
        check_keras2_file(write(tmp_path, {"class_name": "Sequential"}))


def write(folder: Path, config: object, version: str = "2.15.0") -> Path:
    path = folder / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(config)
    return path


def with_layer(layer: dict[str, object]) -> dict[str, object]:
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ({"class_name": "Lambda", "config": {"name": "harm"}}, "layer 'harm' is a Lambda"),
        ({"class_name": "Mine", "config": {}}, "it is a Mine"),
        (
            {"class_name": "Dense", "registered_name": "Custom>Dense", "config": {"name": "d"}},
            "layer 'd' is a Custom>Dense",
        ),
        (
            {"class_name": "Dense", "config": {"activation": "my_function"}},
            "uses the function 'my_function'",
        ),
        (
            {"class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
            "is a TFOpLambda of io.write_file",
        ),
    ],
)
def test_only_plain_layers_and_operators_are_accepted(
    tmp_path: Path, layer: dict[str, object], reason: str
) -> None:
    with pytest.raises(InputRefused, match=reason):
        check_hdf5(write(tmp_path, with_layer(layer)))


def test_plain_layers_are_accepted(tmp_path: Path) -> None:
    dense = {"class_name": "Dense", "config": {"name": "d", "activation": "relu"}}
    divide = {"class_name": "TFOpLambda", "config": {"function": "math.truediv"}}
    for layer in (dense, divide):
        check_hdf5(write(tmp_path, with_layer(layer)))


def test_weights_outside_the_file_or_larger_than_it_are_refused(tmp_path: Path) -> None:
    config = {"class_name": "Sequential", "config": {}}
    path = write(tmp_path, config)
    with h5py.File(path, "a") as file:
        file["w"] = h5py.ExternalLink("/etc/hostname", "/")
    with pytest.raises(InputRefused, match="'w' in it is a link"):
        check_hdf5(path)
    with h5py.File(write(tmp_path, config), "a") as file:
        file.create_dataset("w", (8,), "u1", external=[("/etc/hostname", 0, 8)])
    with pytest.raises(InputRefused, match="'w' in it lies in another file"):
        check_hdf5(path)
    with h5py.File(write(tmp_path, config), "a") as file:
        file.create_dataset("w", (10**9,), "f4", chunks=(1000,))
    with pytest.raises(InputRefused, match="declare 4000000000 bytes"):
        check_hdf5(path)


def test_other_hdf5_files_are_refused_for_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"Keras 3\.4\.1, which can hold code"):
        check_keras2_file(write(tmp_path, {}, version="3.4.1"))
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(InputRefused, match="no Keras model is found"):
        check_keras2_file(path)
    with pytest.raises(InputRefused, match="holds weights but no model"):
        check_hdf5(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputRefused, match="damaged or cut"):
        check_hdf5(path)
