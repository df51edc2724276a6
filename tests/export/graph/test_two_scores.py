"""Tests that a model with one score gets two, whatever makes the score."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from export.graph.wrapping import NO_WRAPPING, Wrapping
from export.inputs.keras_loader import load_flat_model
from runtime.errors import InputRefused

PIXELS = np.random.default_rng(5).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)


def network(*endings: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(4)
    pixels = keras.Input((8, 8, 3))
    tensor = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(pixels))
    for layer in endings:
        tensor = layer(tensor)
    return keras.Model(pixels, tensor)


@pytest.mark.parametrize("kind", ["keras", "SavedModel"])
@pytest.mark.parametrize(
    "endings",
    [
        lambda: [layers.Dense(1, "sigmoid", bias_initializer="ones")],
        lambda: [layers.Dense(1, "sigmoid", use_bias=False)],
        lambda: [layers.Dense(1), layers.Activation("sigmoid")],
        lambda: [layers.Dense(1, "sigmoid"), layers.Reshape((1,))],
        lambda: [layers.Dense(1), layers.Reshape((1,)), layers.Activation("sigmoid")],
    ],
    ids=["dense", "no bias", "activation", "reshape behind", "reshape before"],
)
def test_the_scores_are_the_rest_and_the_score(
    endings: Callable[[], list[layers.Layer]], kind: str, tmp_path: Path
) -> None:
    model = network(*endings())
    path = tmp_path / ("m.keras" if kind == "keras" else "saved")
    if kind == "keras":
        model.save(path)
    else:
        model.export(path, verbose=False)
    score = np.asarray(model(PIXELS))
    found = np.asarray(load_flat_model(path, NO_WRAPPING)(PIXELS))
    np.testing.assert_allclose(found, np.concatenate([1 - score, score], axis=1), atol=1e-6)


def test_a_logit_gets_a_sigmoid(tmp_path: Path) -> None:
    model = network(layers.Dense(1, bias_initializer="ones"))
    model.save(tmp_path / "m.keras")
    score = 1 / (1 + np.exp(-np.asarray(model(PIXELS))))
    found = np.asarray(load_flat_model(tmp_path / "m.keras", Wrapping(softmax=True))(PIXELS))
    np.testing.assert_allclose(found, np.concatenate([1 - score, score], axis=1), atol=1e-6)


@pytest.mark.parametrize("endings", [[], ["sigmoid"], ["linear"]], ids=str)
def test_the_logit_is_no_tensor_of_its_own_which_would_tie_in_8_bits(
    endings: list[str], tmp_path: Path
) -> None:
    """As a tensor of its own it left 56 different scores of 240 images; folded it leaves 239."""
    model = network(layers.Dense(1), *(layers.Activation(name) for name in endings))
    model.save(tmp_path / "m.keras")
    loaded = load_flat_model(tmp_path / "m.keras", Wrapping(softmax=endings != ["sigmoid"]))
    sizes = [layer.units for layer in loaded.layers if isinstance(layer, layers.Dense)]
    assert sizes == ([2] if endings != ["linear"] else [1, 2])


def test_a_logit_behind_an_activation_keeps_it(tmp_path: Path) -> None:
    model = network(layers.Dense(1, "tanh"))
    model.save(tmp_path / "m.keras")
    score = 1 / (1 + np.exp(-np.asarray(model(PIXELS))))
    found = np.asarray(load_flat_model(tmp_path / "m.keras", Wrapping(softmax=True))(PIXELS))
    np.testing.assert_allclose(found, np.concatenate([1 - score, score], axis=1), atol=1e-6)


@pytest.mark.parametrize("kind", ["keras", "SavedModel"])
def test_the_output_with_a_score_for_each_label_is_taken(kind: str, tmp_path: Path) -> None:
    single = network(layers.Dense(3, "softmax", name="three"))
    embedding = layers.Dense(5, name="five")(single.layers[-2].output)
    other = layers.Dense(3, "softmax", name="other")(single.layers[-2].output)
    for outputs in ([embedding, single.output], [embedding, single.output, other]):
        model = keras.Model(single.input, outputs)
        path = tmp_path / f"{len(outputs)}{'.keras' if kind == 'keras' else ''}"
        if kind == "keras":
            model.save(path)
        else:
            model.export(path, verbose=False)
    expected = np.asarray(single(PIXELS))
    two, three = (tmp_path / f"{count}{path.suffix}" for count in (2, 3))
    np.testing.assert_allclose(
        load_flat_model(two, Wrapping(classes=3))(PIXELS), expected, atol=1e-6
    )
    with pytest.raises(InputRefused, match=r"has 3 outputs \(.*--scores-output NAME"):
        load_flat_model(three, Wrapping(classes=3))
    with pytest.raises(InputRefused, match=r"has no output 'x' \(--scores-output\); it has "):
        load_flat_model(three, Wrapping(classes=3, output="x"))
    name = "three" if kind == "keras" else "output_1"
    np.testing.assert_allclose(
        load_flat_model(three, Wrapping(output=name))(PIXELS), expected, atol=1e-6
    )


@pytest.mark.parametrize(
    ("activation", "wrapping", "reason"),
    [
        (
            "sigmoid",
            Wrapping(softmax=True),
            "gives a probability already; leave out --scores logits",
        ),
        ("softmax", NO_WRAPPING, "softmax of one number, which is always 1"),
    ],
)
def test_a_score_that_means_something_else_is_refused(
    activation: str, wrapping: Wrapping, reason: str, tmp_path: Path
) -> None:
    network(layers.Dense(1, activation)).save(tmp_path / "m.keras")
    with pytest.raises(InputRefused, match=f"m.keras: .*{reason}"):
        load_flat_model(tmp_path / "m.keras", wrapping)
