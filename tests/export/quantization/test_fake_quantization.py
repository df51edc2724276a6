"""Checks that a fake-quantized network and the int8 file made from it compute the same."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.quantization.fake_quantization import FakeQuantize, fake_quantize, fake_quantize_kernel
from runtime.errors import InputRefused
from train.backbones.efficientnet_lite import BlockGroup, efficientnet_lite

QAT = ArtifactSpec("tflite", "int8", qat=True)
SMALL_LITE = (BlockGroup(1, 3, 1, 1, 16), BlockGroup(2, 5, 2, 6, 24))


def rounded(model: keras.Model) -> keras.Model:
    """Rounds the kernels of the model too, as the file has them."""
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            kernel = np.asarray(fake_quantize_kernel(layer.kernel, depthwise=depthwise))
            layer.set_weights([kernel, *layer.get_weights()[1:]])
    return model


@pytest.fixture(scope="module")
def lite(shake) -> keras.Model:
    inputs = keras.Input((64, 64, 3))
    x = efficientnet_lite(layers.Rescaling(1 / 128, -127 / 128)(inputs), SMALL_LITE)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(2, "softmax", name="scores")(x))
    shake(model)
    return model


@pytest.fixture(scope="module")
def modern(shake) -> keras.Model:
    """Returns a block with squeeze-and-excite, on pixels that no zero point can normalize."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(16, 4, 4)(layers.Rescaling(1 / 127.5, -1)(inputs))
    x = layers.Activation("hard_swish")(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same", activation="swish")(x)
    z = layers.Reshape((1, 1, 16))(layers.GlobalAveragePooling2D()(y))
    z = layers.Conv2D(8, 1, activation="swish")(z)
    y = layers.Multiply()([y, layers.Conv2D(16, 1, activation="sigmoid")(z)])
    z = layers.Conv2D(16, 1)(layers.GlobalAveragePooling2D(keepdims=True)(y))
    y = layers.Multiply()([y, layers.ReLU(6.0)(z + 3.0) * (1.0 / 6.0)])
    x = layers.Activation("gelu")(layers.Add()([x, layers.Conv2D(16, 1)(y)]))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(2, "softmax", name="scores")(x))
    shake(model)
    return model


@pytest.mark.parametrize("name", ["keras_model", "lite", "modern"])
def test_int8_gives_the_fake_quantized_scores_within_a_rounding(
    name: str, request, calibration, manifest, answers
) -> None:
    model = fake_quantize(request.getfixturevalue(name), calibration)
    content = convert(model, QAT, calibration, manifest).content
    expected = rounded(model).predict_on_batch(calibration.astype(np.float32))
    assert np.abs(answers(content) - expected).max() < 2.5 / 256


@pytest.mark.parametrize("io", ["uint8", "int8"])
def test_the_file_is_in_integers_up_to_the_scores_with_the_ranges_of_the_layers(
    io: str, lite, calibration, manifest
) -> None:
    model = fake_quantize(lite, calibration)
    spec = replace(QAT, io=io)
    interpreter = Interpreter(model_content=convert(model, spec, calibration, manifest).content)
    operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    in_float = ["DEQUANTIZE", "FULLY_CONNECTED", "SOFTMAX"]
    assert (operators[-3:] == in_float) == (io == "uint8")
    assert operators.count("DEQUANTIZE") == (io == "uint8")
    details = interpreter.get_tensor_details()
    (pixels,) = interpreter.get_input_details()
    offset = 128 if io == "int8" else 0
    assert np.dtype(pixels["dtype"]).name == io
    assert pixels["quantization"] == (1 / 128, 127 - offset)
    kernels = [len(tensor["quantization_parameters"]["scales"]) for tensor in details]
    assert max(kernels) == 1280, "weights have a scale for each channel"
    scales = {
        round(float(tensor["quantization"][0]), 6)
        for tensor in details
        if tensor["dtype"] is np.int8
    }
    ranges = [layer for layer in model.layers if isinstance(layer, FakeQuantize)]
    assert len(ranges) > 10
    if io == "uint8":
        del ranges[-1]  # that of the logits
    assert {round(float((layer.high - layer.low) / 255), 6) for layer in ranges} <= scales


def test_each_channel_of_a_kernel_has_255_values_symmetric_around_zero() -> None:
    kernel = np.random.default_rng(2).normal(0, 1, (3, 3, 40, 4)).astype(np.float32)
    kernel[..., 1] *= 1000
    rounded_kernel = np.asarray(fake_quantize_kernel(kernel, depthwise=False))
    for channel in range(4):
        scale = np.abs(kernel[..., channel]).max() / 127
        steps = rounded_kernel[..., channel] / scale
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert np.abs(steps).max() == pytest.approx(127)
        assert np.abs(rounded_kernel[..., channel] - kernel[..., channel]).max() <= scale * 0.51
    depthwise = kernel.transpose(0, 1, 3, 2)[..., :1]
    rounded_kernel = np.asarray(fake_quantize_kernel(depthwise, depthwise=True))
    assert np.abs(rounded_kernel - depthwise)[:, :, 0].max() < 0.05, (
        "the large channel next to it has its own scale"
    )


def test_ranges_follow_the_batches_only_in_training_and_only_if_not_fixed() -> None:
    moving, fixed = FakeQuantize(-1.0, 1.0), FakeQuantize(-1.0, 1.0, fixed=True)
    values = np.float32([[-3.0, 5.0]])
    for layer in (moving, fixed):
        layer(values, training=False)
        assert (float(layer.low), float(layer.high)) == (-1, 1)
        layer(values, training=True)
    assert float(moving.low) == pytest.approx(-1.02)
    assert float(moving.high) == pytest.approx(1.04)
    assert (float(fixed.low), float(fixed.high)) == (-1, 1)


def test_a_layer_whose_int8_operators_are_unknown_is_refused_by_name(calibration) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(4, 3, 4)(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    x = layers.GlobalAveragePooling2D()(layers.Activation("tanh", name="tanh_here")(x))
    with pytest.raises(InputRefused, match="'tanh_here'"):
        fake_quantize(keras.Model(inputs, layers.Dense(2, "softmax")(x)), calibration)
