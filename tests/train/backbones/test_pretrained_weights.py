"""Tests pretrained weights.

Each kind of file gives the network it came from, and a file that does not fit is refused.
"""

import io
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from keras.src.applications import convnext
from keras.src.utils import file_utils

from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing
from runtime.models.normalization import TORCH
from train.backbones.build import application_options, normalize
from train.backbones.registry import BACKBONES
from train.backbones.weights_file import weights_digest
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.fitting.classifier_model import build_model

SIDE = 32
MANY = np.random.default_rng(6).integers(0, 256, (16, SIDE, SIDE, 3)).astype(np.float32)
IMAGES = np.random.default_rng(5).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float32)


def _build(name: str, classes: int = 3, **options) -> keras.Model:
    return build_model(
        BACKBONES[name],
        Preprocessing(SIDE, SIDE),
        classes,
        resolve_options(TrainOptions(backbone=name, **options)),
    )


def _features(model: keras.Model) -> np.ndarray:
    """Returns (2, n) features of IMAGES from the backbone of our model, or a model without top."""
    heads = [layer for layer in model.layers if layer.name in ("pool", "flatten")]
    output = heads[0].input if heads else model.output
    return np.asarray(keras.Model(model.input, output)(IMAGES)).mean((1, 2))


def _trained(model: keras.Model, images: np.ndarray = MANY) -> keras.Model:
    """Gives the model the BatchNorm statistics of a training.

    With fresh ones a deep network gives the same features for every image.
    """
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    generator = np.random.default_rng(1)
    for layer in norms:
        layer.gamma.assign(generator.uniform(0.5, 1.5, layer.gamma.shape))
        layer.momentum = 0.0
    model(images, training=True)
    return model


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A trained simple-cnn of ours with its head."""
    return _trained(_build("simple-cnn"))


def _network(model: keras.Model) -> keras.Model:
    """Returns the backbone of our model alone, without normalization and head."""
    first = next(layer for layer in model.layers if layer.weights)
    return keras.models.clone_model(keras.Model(first.input, model.get_layer("pool").input))


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_file_of_a_network_alone_gives_the_same_outputs(
    small: keras.Model, tmp_path: Path, ending: str
) -> None:
    network = _network(small)
    network.set_weights(keras.Model(small.input, small.get_layer("pool").input).get_weights())
    path = tmp_path / f"alone{ending}"
    network.save_weights(path) if ending == ".weights.h5" else network.save(path)
    loaded = _build("simple-cnn", weights=str(path))
    np.testing.assert_array_equal(_features(loaded), _features(small))


def test_model_of_a_run_gives_its_backbone_to_another_head(trained: Path) -> None:
    run = keras.models.load_model(trained / "model.keras")
    loaded = _build("simple-cnn", classes=7, recipe="article", weights=str(trained / "model.keras"))
    for layer in run.layers:
        if layer.name.startswith("conv"):
            for old, new in zip(
                layer.get_weights(), loaded.get_layer(layer.name).get_weights(), strict=True
            ):
                assert np.array_equal(old, new), layer.name
    assert loaded.output_shape == (None, 7)


def test_vgg16_saved_and_loaded_gives_the_same_outputs(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    path = tmp_path / "vgg16.weights.h5"
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    network.save_weights(path)
    theirs = np.asarray(network(keras.applications.vgg16.preprocess_input(IMAGES.copy()))).mean(
        (1, 2)
    )
    loaded = _build("vgg16", recipe="article", weights=str(path))
    np.testing.assert_allclose(_features(loaded), theirs, rtol=1e-3, atol=1e-4 * abs(theirs).max())


def test_convnext_trains_without_groups_and_takes_weights_of_either_layout(
    tmp_path: Path, monkeypatch
) -> None:
    """With groups, which TensorFlow runs through XLA here, it made no step in minutes.

    Each of its four stages has one block here.
    """
    monkeypatch.setitem(convnext.MODEL_CONFIGS["tiny"], "depths", [1, 1, 1, 1])
    network = keras.applications.ConvNeXtTiny(
        include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), include_preprocessing=False
    )
    network.save_weights(tmp_path / "theirs.weights.h5")
    ours = _build("convnext-tiny", weights=str(tmp_path / "theirs.weights.h5"))
    assert {layer.groups for layer in ours.layers if isinstance(layer, layers.Conv2D)} <= {1}
    theirs = np.asarray(network(normalize(IMAGES, TORCH))).mean((1, 2))
    np.testing.assert_allclose(_features(ours), theirs, rtol=1e-3, atol=1e-4 * abs(theirs).max())
    ours.save(tmp_path / "ours.keras")
    again = _build("convnext-tiny", weights=str(tmp_path / "ours.keras"))
    np.testing.assert_array_equal(_features(again), _features(ours))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("mobilenet-v2", "block_5_add"),
        ("mobilenet-v3-small", "expanded_conv_2_add"),
        ("efficientnet-b0", "block3b_add"),
    ],
)
def test_weights_as_keras_fetches_them_give_what_keras_gives(
    name: str, layer: str, tmp_path: Path, monkeypatch
) -> None:
    """Compares the outputs of `layer`: behind it the last bit of a float grows to some percent.

    Nothing is downloaded. The file that Keras would find has other numbers; all else is real.
    """
    row = BACKBONES[name]
    build = row.network.load()
    raw = {
        key: value
        for key, value in application_options(row, 1.0).items()
        if key != "include_preprocessing"
    }
    stored = build(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), **raw)
    preprocess = getattr(keras.applications, build.__module__.split(".")[-1]).preprocess_input
    for stored_layer in stored.layers:
        if isinstance(stored_layer, layers.Normalization):
            stored_layer.set_weights(
                [np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)]
            )
            stored_layer.finalize_state()
    _trained(stored, preprocess(MANY.copy())).save(tmp_path / "stored.h5")
    monkeypatch.setattr(
        file_utils, "get_file", lambda *names, **options: str(tmp_path / "stored.h5")
    )
    theirs = build(include_top=False, weights="imagenet", input_shape=(SIDE, SIDE, 3), **raw)
    expected = np.asarray(
        keras.Model(theirs.input, theirs.get_layer(layer).output)(preprocess(IMAGES.copy()))
    )
    assert abs(expected[0] - expected[1]).max() > 0.1 * abs(expected).max(), "it sees its images"
    _build(name).save(tmp_path / "ours.keras")
    ours = keras.models.load_model(tmp_path / "ours.keras")
    outputs = np.asarray(keras.Model(ours.input, ours.get_layer(layer).output)(IMAGES))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-4 * abs(expected).max())
    for their_layer in theirs.layers:
        if their_layer.weights and not isinstance(their_layer, layers.Normalization):
            our_weights = ours.get_layer(their_layer.name).get_weights()
            assert all(map(np.array_equal, our_weights, their_layer.get_weights()))


def test_weights_that_cannot_be_fetched_are_exit_4_and_one_line_with_the_ways_out(
    run_cli, cells: Path, tmp_path: Path
) -> None:
    """Every connection is refused, as on a machine without a network."""
    offline = {
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "no_proxy": "",
        "KERAS_HOME": str(tmp_path),
    }
    run = tmp_path / "run"
    done = run_cli(
        "train", cells, "-o", run, "--backbone", "mobilenet-v2", "--input-size", "32", env=offline
    )
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    lines = done.stderr.splitlines()
    assert "fetched when first used" in lines[-2]
    assert lines[-1].startswith(
        "python -m train: weights of MobileNetV2: cannot be fetched (URL fetch failure on https://"
    )
    assert "--weights FILE" in lines[-1]
    assert lines[-1].endswith("efficientnet-lite0, efficientnet-lite1, efficientnet-lite2")
    assert not [line for line in lines if "Downloading" in line or "Warning" in line]
    assert not run.exists()


@pytest.mark.parametrize("other", ["mobilenet-v2", "mobilenet-v3-small"])
def test_weights_of_another_network_are_refused(
    small: keras.Model, tmp_path: Path, other: str
) -> None:
    path = tmp_path / "small.weights.h5"
    small.save_weights(path)
    with pytest.raises(InputRefused, match="not the weights of this backbone"):
        _build(other, weights=str(path))


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_weights_of_a_network_that_goes_on_are_refused(
    small: keras.Model, tmp_path: Path, ending: str
) -> None:
    """Its first layers would fit; Keras itself loads the .keras and .weights.h5 without error."""
    features = small.get_layer("pool").input
    deeper = keras.Model(small.input, layers.Conv2D(48, 1, use_bias=False)(features))
    path = tmp_path / f"deeper{ending}"
    deeper.save_weights(path) if ending == ".weights.h5" else deeper.save(path)
    with pytest.raises(InputRefused, match="not the weights of this backbone"):
        _build("simple-cnn", weights=str(path))


def test_width_that_is_not_that_of_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "narrow.weights.h5"
    keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), alpha=0.35
    ).save_weights(path)
    with pytest.raises(InputRefused, match="not the weights of this backbone"):
        _build("mobilenet-v2", weights=str(path))
    assert (
        _build("mobilenet-v2", weights=str(path), width_factor=0.35)
        .get_layer("block_16_project_BN")
        .output.shape[-1]
        == 112
    )


def _hostile(path: Path, write) -> Path:
    with h5py.File(path, "w") as file:
        write(file)
    return path


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (
            lambda file: file.create_dataset("layers/conv2d/vars/0", (2**20, 2**10), "f4"),
            "declare 4294967296 bytes",
        ),
        (
            lambda file: file.__setitem__("layers/conv2d", h5py.ExternalLink("/etc/hostname", "/")),
            "refer to another place or file",
        ),
        (
            lambda file: file.__setitem__("layers/conv2d", h5py.SoftLink("/layers")),
            "refer to another place or file",
        ),
        (
            lambda file: file.create_dataset(
                "layers/w", (8,), "u1", external=[("/etc/hostname", 0, 8)]
            ),
            "refer to another file",
        ),
    ],
    ids=["bomb", "external link", "soft link", "external data"],
)
@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_hostile_file_is_refused_before_its_numbers_are_read(
    tmp_path: Path, write, reason: str, ending: str
) -> None:
    path = _hostile(tmp_path / "hostile.weights.h5", write)
    if ending == ".keras":
        with zipfile.ZipFile(tmp_path / "hostile.keras", "w") as archive:
            archive.write(path, "model.weights.h5")
        path = tmp_path / "hostile.keras"
    with pytest.raises(InputRefused, match=reason):
        _build("simple-cnn", weights=str(path))


def test_compressed_bomb_in_a_keras_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", io.BytesIO(bytes(2**24)).getvalue())
    with pytest.raises(InputRefused, match="declares 16777216 bytes"):
        _build("simple-cnn", weights=str(tmp_path / "bomb.keras"))


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, b"PK\x03\x04"], ids=["empty", "text", "cut zip"]
)
@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_file_that_is_no_weights_is_refused(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"odd{ending}"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match="not readable as Keras weights") as caught:
        _build("simple-cnn", weights=str(path))
    assert "\n" not in str(caught.value)


def test_names_that_are_no_files_of_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    for path, reason in (
        (tmp_path / "none.h5", "no such file"),
        (tmp_path, "a folder"),
        (tmp_path / "weights.pth", "whose name ends in"),
    ):
        with pytest.raises(InputRefused, match=reason):
            weights_digest(path)
