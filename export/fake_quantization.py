"""A network that computes in float what int8 will: its activations, and while it is trained its weights, rounded as TFLite rounds them.

An activation's range is a weight of its FakeQuantize layer; TFLite's converter takes it as the scale and zero point. Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 3.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from export.network import WITH_KERNEL, copy_of, fold_batch_norms, measured, rebuild, steps
from export.normalisation import split_normalisation
from runtime.errors import InputRefused

MOMENTUM = 0.99
"""Of the moving averages that a range follows while the network is trained."""

OWN_SCALE = (layers.Add, layers.AveragePooling2D, layers.GlobalAveragePooling2D)
"""Layers beside those with a kernel whose TFLite operators have an output scale of their own."""
SAME_SCALE = (
    layers.Dropout,
    layers.Flatten,
    layers.GlobalMaxPooling2D,
    layers.Identity,
    layers.MaxPooling2D,
    layers.ZeroPadding2D,
)
"""Layers that keep their input's scale, or are none of TFLite's operators."""


class FakeQuantize(layers.Layer):
    """Rounds to one of 256 values between `low` and `high`; in training these follow the extremes of the batches, unless `fixed`."""

    def __init__(self, low: float, high: float, *, fixed: bool = False, name: str | None = None) -> None:
        super().__init__(name=name, trainable=False)
        self.fixed = fixed
        self.low, self.high = (self.add_weight((), keras.initializers.Constant(value), trainable=False) for value in (low, high))

    def call(self, values: Any, training: bool = False) -> Any:
        """`values` rounded, of the same shape; the gradient passes through inside the range and is 0 outside."""
        if training and not self.fixed:
            for limit, extreme in ((self.low, tf.minimum(tf.reduce_min(values), 0.0)), (self.high, tf.maximum(tf.reduce_max(values), 0.0))):
                limit.assign(MOMENTUM * limit + (1 - MOMENTUM) * extreme)
        return tf.quantization.fake_quant_with_min_max_vars(values, tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high))


def fake_quantize(model: keras.Model, calibration: NDArray[np.uint8]) -> keras.Model:
    """A flat copy of `model`, BatchNorms folded, with a FakeQuantize wherever TFLite has a tensor with a scale of its own.

    Ranges are the extremes on `calibration`, (n, height, width, 3) uint8; that of the input is 0..255 normalised.

    Raises:
        InputRefused: there is a layer among them whose int8 operators this does not know; names it.
    """
    normalisation, _ = split_normalisation(model)
    folded = _with_softmax_apart(fold_batch_norms(model))
    places = _places(folded)
    found = measured(folded, [folded.get_layer(name).output for name in places], calibration)
    ranges = {name: (min(0.0, float(one.min())), max(0.0, float(one.max()))) for name, one in zip(places, found, strict=True)}
    head = folded.layers[1].name
    low, high = (float(one) for one in normalisation.apply(np.array([0, 255], np.uint8)))

    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        output = copy_of(operation, *tensors, **arguments)
        if operation.name == head:
            return FakeQuantize(low, high, fixed=True, name=f"{head}_range")(output)
        return FakeQuantize(*ranges[operation.name], name=f"{operation.name}_range")(output) if operation.name in ranges else output

    return rebuild(folded, call)


def fake_quantize_kernel(kernel: Any, *, depthwise: bool) -> Any:
    """The kernel rounded to int8, symmetric, with a scale for each output channel: -127..127 times largest / 127."""
    shape = tf.shape(kernel)
    flat = tf.reshape(kernel, [-1, shape[-2] * shape[-1] if depthwise else shape[-1]])
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(flat), axis=0))
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(flat, -largest, largest, narrow_range=True)
    return tf.reshape(rounded, shape)


def _with_softmax_apart(model: keras.Model) -> keras.Model:
    """Its Dense layer linear and the softmax a layer behind it: between the two, TFLite has a tensor."""

    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        if not isinstance(operation, layers.Dense) or operation.activation is not keras.activations.softmax:
            return copy_of(operation, *tensors, **arguments)
        linear = layers.Dense.from_config({**operation.get_config(), "activation": "linear"})
        output = linear(tensors[0])
        linear.set_weights(operation.get_weights())
        return layers.Softmax(name=f"{operation.name}_softmax")(output)

    return rebuild(model, call)


def _places(model: keras.Model) -> list[str]:
    """The layers of a flat model behind which there is a tensor with a scale of its own; a ReLU stands for the layer it is fused to."""
    places = []
    for step in steps(model)[1:]:
        layer, readers = step.operation, step.readers
        relu = isinstance(layer, layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu
        linear = getattr(layer, "activation", keras.activations.linear) is keras.activations.linear
        if isinstance(layer, (*WITH_KERNEL, *OWN_SCALE, layers.ReLU, layers.Activation)) and (relu or linear):
            if len(readers) == 1 and isinstance(readers[0], layers.ReLU) and not relu:
                continue
            places.append(layer.name)
        elif not isinstance(layer, (*SAME_SCALE, layers.Softmax)):
            raise InputRefused(
                "--qat",
                f"does not know what int8 makes of layer '{layer.name}' ({type(layer).__name__}); other precisions can",
            )
    return places
