"""What the fake-quantized network computes in float is what the int8 file made from it computes in integers."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from export.fake_quantization import FakeQuantize, fake_quantize, fake_quantize_kernel
from export.formats.tflite import convert
from export.kind import Kind
from runtime.errors import InputRefused
from train.efficientnet_lite import BlockGroup, efficientnet_lite

QAT = Kind("tflite", "int8", qat=True)
SMALL_LITE = (BlockGroup(1, 3, 1, 1, 16), BlockGroup(2, 5, 2, 6, 24))


def rounded(model: keras.Model) -> keras.Model:
    """The model with its kernels rounded too, as they are in the file."""
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            layer.set_weights([np.asarray(fake_quantize_kernel(layer.kernel, depthwise=depthwise)), *layer.get_weights()[1:]])
    return model


@pytest.fixture(scope="module")
def lite(shake) -> keras.Model:
    inputs = keras.Input((64, 64, 3))
    x = efficientnet_lite(layers.Rescaling(1 / 128, -127 / 128)(inputs), SMALL_LITE)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(2, "softmax", name="scores")(x))
    shake(model)
    return model


@pytest.mark.parametrize("name", ["keras_model", "lite"])
def test_int8_gives_the_fake_quantized_scores_to_a_rounding(name: str, request, calibration, manifest, answers) -> None:
    model = fake_quantize(request.getfixturevalue(name), calibration)
    content = convert(model, QAT, calibration, manifest)
    expected = rounded(model).predict_on_batch(calibration.astype(np.float32))
    assert np.abs(answers(content) - expected).max() < 2.5 / 256


def test_the_file_is_integers_from_end_to_end_with_the_layers_ranges_and_the_pixel_as_input(lite, calibration, manifest) -> None:
    model = fake_quantize(lite, calibration)
    interpreter = Interpreter(model_content=convert(model, QAT, calibration, manifest))
    details = interpreter.get_tensor_details()
    assert "float32" not in {np.dtype(one["dtype"]).name for one in details}
    (pixels,) = interpreter.get_input_details()
    assert (pixels["dtype"], pixels["quantization"]) == (np.uint8, (1 / 128, 127))
    kernels = [len(one["quantization_parameters"]["scales"]) for one in details]
    assert max(kernels) == 1280, "weights have a scale for each channel"
    found = {round(float(one["quantization"][0]), 6) for one in details if one["dtype"] is np.int8}
    ranges = [layer for layer in model.layers if isinstance(layer, FakeQuantize)]
    assert len(ranges) > 10
    assert {round(float((layer.high - layer.low) / 255), 6) for layer in ranges} <= found


def test_a_kernel_has_255_values_a_channel_symmetric_around_zero() -> None:
    kernel = np.random.default_rng(2).normal(0, 1, (3, 3, 40, 4)).astype(np.float32)
    kernel[..., 1] *= 1000
    found = np.asarray(fake_quantize_kernel(kernel, depthwise=False))
    for channel in range(4):
        scale = np.abs(kernel[..., channel]).max() / 127
        steps = found[..., channel] / scale
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert np.abs(steps).max() == pytest.approx(127)
        assert np.abs(found[..., channel] - kernel[..., channel]).max() <= scale * 0.51
    depthwise = kernel.transpose(0, 1, 3, 2)[..., :1]
    found = np.asarray(fake_quantize_kernel(depthwise, depthwise=True))
    assert np.abs(found - depthwise)[:, :, 0].max() < 0.05, "the large channel beside it has a scale of its own"


def test_ranges_follow_the_batches_in_training_only_and_a_fixed_one_never() -> None:
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
    x = layers.GlobalAveragePooling2D()(layers.Activation("swish", name="swish_here")(x))
    with pytest.raises(InputRefused, match="'swish_here'"):
        fake_quantize(keras.Model(inputs, layers.Dense(2, "softmax")(x)), calibration)
