"""A file that crashes Keras or takes all memory ends only a child (FAULTS E3)."""

import json
import resource
import zipfile
from pathlib import Path

import keras
import pytest
from keras import layers

from export.graph.model_signature import ModelSignature
from export.graph.wrapping import Wrapping
from export.inputs import limited_child
from export.inputs.sandbox import try_loading
from runtime.errors import InputRefused
from runtime.models.normalization import parse_normalization


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "model.keras"
    inputs = keras.Input((32, 48, 3))
    keras.Model(
        inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(inputs))
    ).save(path)
    return path


def change(path: Path, old: str, new: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert old in members["config.json"].decode()
    members["config.json"] = members["config.json"].decode().replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_plain_model_gives_its_signature(plain: Path) -> None:
    assert try_loading(plain, Wrapping()) == ModelSignature(32, 48, 3)


@pytest.mark.usefixtures("warm_children")
def test_a_saved_model_with_a_normalization_gives_its_signature(
    plain: Path, tmp_path: Path
) -> None:
    keras.models.load_model(plain).export(tmp_path / "saved", verbose=False)
    normalization = parse_normalization("127,128")
    assert try_loading(tmp_path / "saved", Wrapping(normalization)) == ModelSignature(32, 48, 3)


@pytest.mark.usefixtures("warm_children")
def test_a_model_that_blows_up_only_when_it_runs_ends_the_child_alone(tmp_path: Path) -> None:
    """No weight and no config says so: one image of 32 pixels enlarged to 1,600,000 x 1,600,000."""
    path = tmp_path / "bomb.keras"
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalMaxPooling2D()(layers.UpSampling2D(2)(inputs))
    keras.Model(inputs, layers.Dense(3, activation="softmax")(x)).save(path)
    change(path, '"size": [2, 2]', '"size": [50000, 50000]')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputRefused, match=r"bomb.keras: (loading|Keras).* \d+ MB"):
        try_loading(path, Wrapping())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.usefixtures("warm_children")
def test_a_lie_that_the_checks_do_not_see_is_stopped_by_the_memory_limit(tmp_path: Path) -> None:
    """50,000 units on 50,000 units are 10 GB."""
    path = tmp_path / "bomb.keras"
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(inputs)
    keras.Model(
        inputs,
        layers.Dense(3, activation="softmax")(
            layers.Dense(50_000)(layers.Dense(50_000)(x[:, :1])[:, :4])
        ),
    ).save(path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    for layer in config["config"]["layers"]:
        layer.pop("build_config", None)
    text = json.dumps(config).replace('"stop": 4', '"stop": 50000')
    change(path, json.dumps(json.loads(zipfile.ZipFile(path).read("config.json"))), text)
    with pytest.raises(InputRefused, match=r"bomb.keras: loading it takes more than the \d+ MB"):
        try_loading(path, Wrapping())


def test_one_that_takes_too_long_is_refused(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_child, "BASE_SECONDS", 0.01)
    with pytest.raises(InputRefused, match="takes more than"):
        try_loading(plain, Wrapping())


@pytest.mark.usefixtures("warm_children")
def test_what_the_child_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    inputs = keras.Input((32, 32, 4))
    keras.Model(inputs, layers.GlobalAveragePooling2D()(inputs)).save(path)
    with pytest.raises(InputRefused, match=r"expected an input of \(batch, height, width, 3\)"):
        try_loading(path, Wrapping())
