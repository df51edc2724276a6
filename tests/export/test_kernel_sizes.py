"""What a config says of a layer's size, beside what Keras makes of it."""

import json

import keras
import pytest
from keras import layers

from export.kernel_sizes import kernel_size

IMAGE, SEQUENCE = (8, 8, 6), (5, 6)
EXACT = {
    "Dense": (layers.Dense(7), IMAGE),
    "Conv2D": (layers.Conv2D(8, (3, 2)), IMAGE),
    "Conv2D in groups": (layers.Conv2D(8, 3, groups=2), IMAGE),
    "Conv2D of channels first": (layers.Conv2D(8, 3, data_format="channels_first"), (6, 8, 8)),
    "Conv1D": (layers.Conv1D(4, 3), SEQUENCE),
    "Conv2DTranspose": (layers.Conv2DTranspose(4, 3), IMAGE),
    "DepthwiseConv2D": (layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGE),
}
AT_LEAST = {
    "SeparableConv2D": (layers.SeparableConv2D(4, 3, depth_multiplier=2), IMAGE),
    "EinsumDense": (layers.EinsumDense("abc,cd->abd", (None, 9)), SEQUENCE),
}


def declared(layer: layers.Layer, shape: tuple[int, ...]) -> int:
    layer(keras.Input(shape))
    return kernel_size(json.loads(json.dumps(keras.saving.serialize_keras_object(layer))))


@pytest.mark.parametrize("name", EXACT)
def test_kernels_are_counted_as_keras_makes_them(name: str) -> None:
    layer, shape = EXACT[name]
    size = declared(layer, shape)
    assert size == layer.count_params() - layer.bias.shape[0]


@pytest.mark.parametrize("name", AT_LEAST)
def test_others_are_never_counted_too_large(name: str) -> None:
    layer, shape = AT_LEAST[name]
    assert 0 < declared(layer, shape) <= layer.count_params()


def test_attention_is_never_counted_too_large() -> None:
    layer = layers.MultiHeadAttention(2, 4)
    tensor = keras.Input(SEQUENCE)
    layer(tensor, tensor)
    size = kernel_size(json.loads(json.dumps(keras.saving.serialize_keras_object(layer))))
    assert 0 < size <= layer.count_params()


@pytest.mark.parametrize("config", [None, [], {"units": None}, {"units": "many"}, {"units": -5}, {"units": [[3]]}])
def test_nonsense_counts_as_nothing_much(config: object) -> None:
    assert kernel_size({"class_name": "Dense", "config": config, "build_config": {"input_shape": ["x", None]}}) <= 1
