"""Builds a network that computes in float what its int8 version will compute.

It rounds activations, and during training also weights, as TFLite does. The range of an activation
is a weight of its FakeQuantize layer, which TFLite's converter turns into a scale and a zero point.
Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, section 3.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from export.graph.input_normalization import split_input_normalization
from export.graph.input_quantization import RAW
from export.graph.surgery import (
    WITH_KERNEL,
    copy_of,
    fold_batch_norms,
    graph_nodes,
    rebuild,
    tensor_values,
)
from runtime.errors import InputRefused

MOMENTUM = 0.99
"""The momentum of the moving averages that update a range during training."""

OWN_SCALE = (
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.Normalization,
    layers.Rescaling,
)
"""Layers without a kernel whose TFLite operators have their own output scale."""
ARITHMETIC = ("Add", "Multiply")
"""The same, as names of classes: layers, and Keras' operations, as of x + 3 in a hard sigmoid."""
CURVES = (keras.activations.silu, keras.activations.hard_silu, keras.activations.gelu)
"""Activations whose TFLite operators have their own output scale."""
SAME_SCALE = (
    layers.Dropout,
    layers.Flatten,
    layers.GlobalMaxPooling2D,
    layers.Identity,
    layers.MaxPooling2D,
    layers.Reshape,
    layers.ZeroPadding2D,
)
"""Layers that keep the scale of their input, or do not become a TFLite operator."""


class FakeQuantize(layers.Layer):
    """Rounds values to one of 256 steps between `low` and `high`.

    In training both follow the extremes of the batches, unless they are `fixed`.
    """

    def __init__(
        self, low: float, high: float, *, fixed: bool = False, name: str | None = None
    ) -> None:
        super().__init__(name=name, trainable=False)
        self.fixed = fixed
        self.low, self.high = (
            self.add_weight((), keras.initializers.Constant(value), trainable=False)
            for value in (low, high)
        )

    def compute_output_spec(self, values: Any, training: bool = False) -> Any:
        """Returns a dense tensor; Keras takes the product with a constant for a sparse one."""
        return keras.KerasTensor(values.shape, values.dtype)

    def call(self, values: Any, training: bool = False) -> Any:
        """Returns `values` rounded; the gradient is 1 inside the range and 0 outside."""
        if training and not self.fixed:
            for limit, extreme in (
                (self.low, tf.minimum(tf.reduce_min(values), 0.0)),
                (self.high, tf.maximum(tf.reduce_max(values), 0.0)),
            ):
                limit.assign(MOMENTUM * limit + (1 - MOMENTUM) * extreme)
        return tf.quantization.fake_quant_with_min_max_vars(
            values, tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        )


def fake_quantize(model: keras.Model, calibration: NDArray[np.uint8]) -> keras.Model:
    """Returns a flat copy of `model` with a FakeQuantize at each tensor that TFLite gives a scale.

    BatchNorms are folded. The ranges are the extremes on `calibration`, (n, height, width, 3)
    uint8; the range of the input is 0..255, normalized if a scale and zero point can do that.

    Raises:
        InputRefused: the int8 operators of a layer are not known here; names the layer.
    """
    normalization, _ = split_input_normalization(model)
    folded = _with_separate_activations(fold_batch_norms(model))
    raw = normalization == RAW
    quantized = _quantized_layers(folded, raw=raw)
    operations = {operation.name: operation for operation in folded.operations}
    outputs = [operations[name].output for name in quantized]
    ranges = {
        name: (min(0.0, float(values.min())), max(0.0, float(values.max())))
        for name, values in zip(quantized, tensor_values(folded, outputs, calibration), strict=True)
    }
    head = graph_nodes(folded)[0].operation.name
    low, high = (float(value) for value in normalization.apply(np.array([0, 255], np.uint8)))

    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        if raw and operation.name == head:
            tensors = (FakeQuantize(low, high, fixed=True, name="pixels_range")(tensors[0]),)
        output = copy_of(operation, *tensors, **arguments)
        name = f"{operation.name}_range"
        if operation.name == head and not raw:
            return FakeQuantize(low, high, fixed=True, name=name)(output)
        if operation.name in ranges:
            return FakeQuantize(*ranges[operation.name], name=name)(output)
        return output

    return rebuild(folded, call)


def fake_quantize_kernel(kernel: Any, *, depthwise: bool) -> Any:
    """Returns the kernel rounded to int8, symmetric, with a scale for each output channel.

    The steps are -127..127 times the channel's largest value / 127.
    """
    shape = tf.shape(kernel)
    flat = tf.reshape(kernel, [-1, shape[-2] * shape[-1] if depthwise else shape[-1]])
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(flat), axis=0))
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        flat, -largest, largest, narrow_range=True
    )
    return tf.reshape(rounded, shape)


def _with_separate_activations(model: keras.Model) -> keras.Model:
    """Splits layers with a kernel and their activations, because TFLite has a tensor between them.

    Only a ReLU is part of the layer's operator.
    """

    def call(operation: Any, *tensors: Any, **arguments: Any) -> Any:
        activation = getattr(operation, "activation", None)
        fused = (None, keras.activations.linear, keras.activations.relu)
        if not isinstance(operation, WITH_KERNEL) or activation in fused:
            return copy_of(operation, *tensors, **arguments)
        linear = type(operation).from_config({**operation.get_config(), "activation": "linear"})
        output = linear(tensors[0])
        linear.set_weights(operation.get_weights())
        if activation is keras.activations.softmax:
            return layers.Softmax(name=f"{operation.name}_softmax")(output)
        return layers.Activation(activation, name=f"{operation.name}_activation")(output)

    return rebuild(model, call)


def _quantized_layers(model: keras.Model, *, raw: bool) -> list[str]:
    """Returns the layers of a flat model whose output has its own scale in TFLite.

    If a ReLU is fused to a layer, the ReLU is listed and the layer is not. The first layer is the
    normalization, unless the model takes `raw` pixels and normalizes them in some layers.
    """
    names = []
    for node in graph_nodes(model)[not raw :]:
        layer = node.operation
        activation = getattr(layer, "activation", keras.activations.linear)
        is_relu = isinstance(layer, layers.ReLU) or activation is keras.activations.relu
        is_linear = activation is keras.activations.linear
        has_scale = isinstance(layer, (*WITH_KERNEL, *OWN_SCALE, layers.ReLU, layers.Activation))
        has_scale |= type(layer).__name__ in ARITHMETIC
        if activation in CURVES:
            names.append(layer.name)
        elif has_scale and (is_relu or is_linear):
            only_reader = node.readers[0] if len(node.readers) == 1 else None
            if is_relu or not isinstance(only_reader, layers.ReLU):
                names.append(layer.name)
        elif activation is not keras.activations.sigmoid and not isinstance(
            layer, (*SAME_SCALE, layers.Softmax)
        ):
            raise InputRefused(
                "--qat",
                f"does not know the int8 operators of layer '{layer.name}'"
                f" ({type(layer).__name__}); use another precision",
            )
    return names
