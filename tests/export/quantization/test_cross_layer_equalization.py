"""Checks that equalized networks keep their float scores and survive int8."""

import keras
import numpy as np
import pytest
from keras import layers

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.graph.surgery import fold_batch_norms
from export.inputs.keras_loader import scores
from export.quantization.channel_groups import ChannelGroup, find_channel_groups
from export.quantization.cross_layer_equalization import equalize
from train.backbones.efficientnet_lite import BlockGroup, efficientnet_lite

SMALL_LITE = (BlockGroup(1, 3, 1, 1, 16), BlockGroup(2, 5, 2, 6, 24))


def classifier(x, inputs) -> keras.Model:
    return keras.Model(
        inputs, layers.Dense(2, "softmax", name="scores")(layers.GlobalAveragePooling2D()(x))
    )


def test_equalizing_keeps_the_scores_and_evens_out_the_channels(widened, calibration) -> None:
    equal = equalize(widened, calibration)
    assert np.abs(scores(equal, calibration) - scores(widened, calibration)).max() < 1e-4
    for name in ("conv0_relu", "conv1_relu", "conv2_relu"):
        spread = []
        for model in (widened, equal):
            part = keras.Model(model.input, model.get_layer(name).output)
            largest = part.predict_on_batch(calibration.astype(np.float32)).max(axis=(0, 1, 2))
            spread.append(largest.max() / np.median(largest[largest > 0]))
        assert spread[0] > 1000
        assert spread[1] < 20


def test_equalizing_repairs_int8_that_one_large_channel_had_damaged(
    widened, calibration, manifest, answers
) -> None:
    expected = scores(widened, calibration)
    plain = answers(convert(widened, ArtifactSpec("tflite", "int8"), calibration, manifest).content)
    equal = answers(
        convert(
            equalize(widened, calibration), ArtifactSpec("tflite", "int8"), calibration, manifest
        ).content
    )
    assert np.abs(plain - expected).mean() > 0.05
    assert np.abs(equal - expected).mean() < 0.01


def test_efficientnet_lite_keeps_its_scores_and_its_residual_layers(calibration, shake) -> None:
    inputs = keras.Input((64, 64, 3))
    model = classifier(
        efficientnet_lite(layers.Rescaling(1 / 128, -127 / 128)(inputs), SMALL_LITE), inputs
    )
    shake(model)
    groups = find_channel_groups(fold_batch_norms(model))
    clip = ("block1_expand_relu",)
    assert ChannelGroup(("block1_expand_conv",), ("block1_depthwise_conv",), clip, clip) in groups
    assert (
        ChannelGroup(
            ("block0_project_conv",), ("block1_expand_conv",), ("block0_project_conv",), ()
        )
        in groups
    )
    makers, tensors = (
        ("block1_project_conv", "block2_project_conv"),
        ("block1_project_conv", "block2_project_conv", "block2_add"),
    )
    assert ChannelGroup(makers, ("block2_expand_conv", "head_conv"), tensors, ()) in groups, (
        "all parts of a sum are scaled together"
    )
    equal = equalize(model, calibration)
    assert np.abs(scores(equal, calibration) - scores(model, calibration)).max() < 1e-4


def test_a_large_channel_of_a_sum_is_evened_out_in_every_part_of_the_sum(
    calibration,
) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(8, 3, 4, name="first")(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    x = layers.Add(name="sum")([x, layers.Conv2D(8, 3, padding="same", name="second")(x)])
    model = classifier(layers.Conv2D(8, 3, name="third")(x), inputs)
    for name in ("first", "second"):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[..., 0] *= 300
        model.get_layer(name).set_weights([kernel, bias])
    equal = equalize(model, calibration)
    assert np.abs(scores(equal, calibration) - scores(model, calibration)).max() < 1e-3
    for name in ("first", "second", "sum"):
        spread = []
        for network in (model, equal):
            part = keras.Model(network.input, network.get_layer(name).output)
            largest = np.abs(part.predict_on_batch(calibration.astype(np.float32))).max(
                axis=(0, 1, 2)
            )
            spread.append(largest.max() / np.median(largest))
        assert spread[1] < spread[0] / 10


@pytest.mark.parametrize("part_name", ["the input", "a sigmoid", "another shape"])
def test_a_sum_with_a_part_that_cannot_be_scaled_is_left_alone(part_name: str) -> None:
    inputs = keras.Input((64, 64, 3))
    scaled = layers.Rescaling(1 / 128, -127 / 128, name="scaled")(inputs)
    x = layers.Conv2D(3, 3, padding="same", name="first")(scaled)
    part = {
        "the input": lambda: scaled,
        "a sigmoid": lambda: layers.Activation("sigmoid")(layers.Conv2D(3, 1)(scaled)),
        "another shape": lambda: layers.GlobalAveragePooling2D(keepdims=True)(
            layers.Conv2D(3, 1)(scaled)
        ),
    }[part_name]()
    model = classifier(layers.Conv2D(4, 3, name="last")(layers.Add()([x, part])), inputs)
    assert [group.makers for group in find_channel_groups(model)] == [("last",)]


@pytest.mark.parametrize(
    ("gain", "limit"), [(0.01, None), (10.0, 6.0)], ids=["cuts nothing", "cuts"]
)
def test_relu6_becomes_relu_only_if_it_cuts_almost_nothing(
    gain: float, limit: float | None, calibration
) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Rescaling(gain)(inputs)
    x = layers.ReLU(6.0, name="clip")(layers.Conv2D(8, 3, 2, name="first")(x))
    model = classifier(layers.Conv2D(8, 3, name="second")(x), inputs)
    equal = equalize(model, calibration)
    assert equal.get_layer("clip").max_value == limit
    changed = not np.array_equal(
        equal.get_layer("first").get_weights()[0], model.get_layer("first").get_weights()[0]
    )
    assert changed == (limit is None)
    assert np.abs(scores(equal, calibration) - scores(model, calibration)).max() < 1e-3


def test_channels_are_followed_through_pooling_and_flattening_into_dense(calibration) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(6, 3, 8, activation="relu", name="first")(
        layers.Rescaling(1 / 128, -127 / 128)(inputs)
    )
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    model = keras.Model(inputs, layers.Dense(2, "softmax", name="second")(x))
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 0] *= 1e4
    model.get_layer("first").set_weights([kernel, bias])
    assert find_channel_groups(model) == [ChannelGroup(("first",), ("second",), ("first",), ())]
    equal = equalize(model, calibration)
    assert np.abs(scores(equal, calibration) - scores(model, calibration)).max() < 1e-3
    largest = np.abs(equal.get_layer("first").get_weights()[0]).max(axis=(0, 1, 2))
    assert largest.max() / largest.min() < 1000


def test_nothing_is_scaled_across_a_function_that_is_not_homogeneous(calibration) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(4, 3, activation="sigmoid", name="first")(inputs)
    x = layers.Activation("tanh")(layers.Conv2D(4, 3, name="second")(x))
    model = classifier(layers.Conv2D(4, 3, name="third")(x), inputs)
    assert [group.makers for group in find_channel_groups(model)] == [("third",)]
