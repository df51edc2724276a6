"""Tests where blocks end, against the names in the papers, in networks built small."""

import keras
from keras import layers

from train.backbones.blocks import block_ends
from train.backbones.build import build_network, normalize
from train.backbones.registry import BACKBONES


def _ends(name: str) -> tuple[str, ...]:
    row = BACKBONES[name]
    pixels = keras.Input((max(32, row.min_input_size),) * 2 + (3,))
    return block_ends(keras.Model(pixels, build_network(normalize(pixels, row.normalization), row)))


def test_vgg16_has_its_five_blocks() -> None:
    assert _ends("vgg16") == tuple(f"block{number}_pool" for number in range(1, 6))


def test_mobilenet_v2_has_17_and_stem_and_last_convolution_belong_to_the_outer_ones() -> None:
    ends = _ends("mobilenet-v2")
    assert len(ends) == 17
    assert ends[:3] == ("expanded_conv_project_BN", "block_1_project_BN", "block_2_add")
    assert ends[-3:] == ("block_14_add", "block_15_add", "out_relu")


def test_resnet50_has_its_stem_and_16_blocks_ended_behind_the_activation() -> None:
    ends = _ends("resnet50")
    assert ends[0] == "pool1_pool"
    assert ends[1:] == tuple(
        f"conv{part}_block{n}_out"
        for part, count in ((2, 3), (3, 4), (4, 6), (5, 3))
        for n in range(1, count + 1)
    )


def test_efficientnet_lite0_has_16_of_which_8_are_thawed_by_default() -> None:
    ends = _ends("efficientnet-lite0")
    assert len(ends) == 16
    assert ends[-1] == "head_relu"
    assert ends[-BACKBONES["efficientnet-lite0"].thaw - 1] == "block7_add"


def test_xception_has_14_though_its_shortcuts_have_no_names() -> None:
    ends = _ends("xception")
    assert len(ends) == 14
    assert (ends[0], ends[-1]) == ("block1_conv2_act", "block14_sepconv2_act")
    assert all(name.startswith("add") for name in ends[1:-1])


def test_squeeze_and_excite_of_a_block_without_a_shortcut_ends_nothing() -> None:
    assert _ends("mobilenet-v3-small")[-4:-1] == (
        "expanded_conv_7_add",
        "expanded_conv_8_project_bn",
        "expanded_conv_9_add",
    )


def test_network_without_names_ends_a_block_where_paths_meet_or_a_pooling_is() -> None:
    x = inputs = keras.Input((8, 8, 3))
    x = layers.MaxPooling2D(name="small")(layers.Conv2D(4, 3, padding="same", name="a")(x))
    x = layers.Add(name="joined")([x, layers.Conv2D(4, 1, name="b")(x)])
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(x)
    x = layers.Conv2D(4, 1, name="last")(layers.Multiply(name="gated")([x, gate]))
    assert block_ends(keras.Model(inputs, x)) == ("small", "joined", "last")


def test_layer_that_a_path_goes_around_ends_nothing() -> None:
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 1, name="block1_conv")(x)
    around = layers.Conv2D(4, 1, name="block2_conv")(x)
    x = layers.Conv2D(4, 1, name="block4_conv")(
        layers.Concatenate(name="block3_joined")([x, around])
    )
    assert block_ends(keras.Model(inputs, x)) == ("block1_conv", "block3_joined", "block4_conv")
