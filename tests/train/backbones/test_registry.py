"""Tests the table of backbones.

Every row gets its pixels normalized as in its training, once, and every network of Keras is a row.
"""

import inspect
import sys

import keras
import numpy as np
import pytest
from keras import layers

from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing
from train.backbones.blocks import block_ends
from train.backbones.build import normalize
from train.backbones.keras_applications import APPLICATIONS
from train.backbones.registry import BACKBONES, find_backbone
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.fitting.classifier_model import BATCH_NORM_MOMENTUM, build_model

COLOUR = (255, 128, 0)
"""Orange: every channel differs, so that a swap of channels shows."""
LITE, TF = (1, 1 / 128, -127 / 128), (1, 0.5 / 127.5, -1)
TORCH = ((1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, -0.406 / 0.225)
CAFFE = (-103.939, 128 - 116.779, 255 - 123.68)
V2_SML = (127 / 128, 0, -1)
FIRST_CONVOLUTION_SEES = {
    "efficientnet-lite0": LITE,
    "efficientnet-lite1": LITE,
    "efficientnet-lite2": LITE,
    "simple-cnn": LITE,
    "vgg16": CAFFE,
    "xception": TF,
    "mobilenet-v2": TF,
    "mobilenet-v3-small": TF,
    "mobilenet-v3-large": TF,
    "efficientnet-v2-b0": TORCH,
    "resnet50": CAFFE,
    "efficientnet-b0": TORCH,
    "efficientnet-v2-s": V2_SML,
    "convnext-tiny": TORCH,
    "mobilenet": TF,
}


def _scratch(name: str, **options) -> keras.Model:
    row = BACKBONES[name]
    side = max(32, row.min_input_size)
    return build_model(
        row,
        Preprocessing(side, side),
        3,
        resolve_options(TrainOptions(backbone=name, weights="none", **options)),
    )


def _input_of_the_first_convolution(model: keras.Model) -> keras.KerasTensor:
    first = next(
        layer
        for layer in model.layers
        if layer.weights and not isinstance(layer, layers.Normalization)
    )
    assert isinstance(first, layers.Conv2D | keras.Sequential), first
    return first._inbound_nodes[0].input_tensors[0]


@pytest.fixture(scope="module", params=sorted(FIRST_CONVOLUTION_SEES))
def network(request: pytest.FixtureRequest) -> tuple[str, keras.Model]:
    """A name in the table, and its model."""
    return request.param, _scratch(request.param)


def test_default_thaw_leaves_something_frozen(network: tuple[str, keras.Model]) -> None:
    name, model = network
    ends = block_ends(keras.Model(model.input, model.get_layer("pool").input))
    assert 1 <= BACKBONES[name].thaw < len(ends)


def test_first_convolution_sees_what_the_network_was_trained_on(
    network: tuple[str, keras.Model],
) -> None:
    name, model = network
    image = np.broadcast_to(np.float32(COLOUR), (1, *model.input_shape[1:]))
    seen = np.asarray(keras.Model(model.input, _input_of_the_first_convolution(model))(image))
    middle = seen[0, seen.shape[1] // 2, seen.shape[2] // 2]
    assert middle == pytest.approx(
        FIRST_CONVOLUTION_SEES[name], abs=2e-4 if abs(middle).max() > 10 else 2e-6
    )
    momenta = {
        layer.momentum for layer in model.layers if isinstance(layer, layers.BatchNormalization)
    }
    assert momenta <= {BATCH_NORM_MOMENTUM}, "moving averages that a short training settles"
    assert not [
        layer
        for layer in model.layers
        if isinstance(layer, keras.Model) and not isinstance(layer, keras.Sequential)
    ]


def test_every_kind_of_normalization_is_seen_by_a_first_convolution() -> None:
    assert {BACKBONES[name].normalization for name in FIRST_CONVOLUTION_SEES} == {
        row.normalization for row in BACKBONES.values()
    }


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_normalization_is_that_of_keras_own_preprocess_input(name: str) -> None:
    """Where it does nothing, because the network normalizes, the test above counts."""
    row = BACKBONES[name]
    preprocess = sys.modules[row.network.load().__module__].preprocess_input
    image = np.float32(COLOUR).reshape(1, 1, 1, 3)
    theirs = preprocess(image.copy())
    if np.array_equal(theirs, image):
        assert name.startswith(("efficientnet", "mobilenet-v3", "convnext"))
        return
    pixels = keras.Input((1, 1, 3))
    ours = keras.Model(pixels, normalize(pixels, row.normalization))(image)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_every_network_of_keras_applications_is_a_row() -> None:
    theirs = {name for name, thing in vars(keras.applications).items() if inspect.isfunction(thing)}
    assert {row.function for row in APPLICATIONS.values()} == theirs
    assert len(theirs) > 35


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_widths_are_of_the_networks_that_take_one(name: str) -> None:
    parameters = inspect.signature(BACKBONES[name].network.load()).parameters
    assert ("alpha" in parameters) == bool(BACKBONES[name].widths)


@pytest.mark.parametrize("name", ["resnet50-v2", "ResNet50V2"])
def test_backbone_is_found_by_its_name_here_and_by_that_of_keras(name: str) -> None:
    assert find_backbone(name) == BACKBONES["resnet50-v2"]


def test_unknown_backbone_is_refused_with_all_names_and_the_nearest() -> None:
    with pytest.raises(
        InputRefused,
        match="there are efficientnet-lite0, .*, convnext-xlarge; did you mean 'resnet50'",
    ):
        find_backbone("resnet5")


def test_width_makes_a_mobilenet_narrower() -> None:
    narrow, wide = (
        _scratch("mobilenet-v2", width_factor=width)
        .get_layer("block_16_project_BN")
        .output.shape[-1]
        for width in (0.35, 1.0)
    )
    assert (narrow, wide) == (112, 320)


def test_image_smaller_than_the_network_takes_is_refused() -> None:
    with pytest.raises(InputRefused, match="at least 71 pixels for this backbone, found 64x64"):
        build_model(
            BACKBONES["xception"],
            Preprocessing(64, 64),
            3,
            resolve_options(TrainOptions(backbone="xception", weights="none")),
        )


def test_article_head_is_flatten_dense_dropout_softmax_without_pooling() -> None:
    model = _scratch("vgg16", recipe="article")
    last = model.layers[-5:]
    assert [type(layer).__name__ for layer in last] == [
        "MaxPooling2D",
        "Flatten",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert (last[2].units, last[2].activation, last[3].rate) == (519, keras.activations.relu, 0.5)
    assert (last[4].units, last[4].activation) == (3, keras.activations.softmax)
