"""At least how many weights a layer declares, from a Keras file's config alone."""

import math
from collections.abc import Callable
from typing import Any


def kernel_size(part: dict[str, Any]) -> int:
    """At least how many weights a layer has, from its config and the input shape it says it was built with; 0 where that is not said."""
    rule = KERNELS.get(str(part["class_name"]))
    inner = part.get("config")
    if rule is None or not isinstance(inner, dict):
        return 0
    build = part.get("build_config")
    shape = build.get("input_shape") if isinstance(build, dict) else None
    axis = 1 if inner.get("data_format") == "channels_first" else -1
    channels = shape[axis] if isinstance(shape, list) and len(shape) > 1 else 1
    return max(0, rule(inner, channels if isinstance(channels, int) else 1))


def _number(config: dict[str, Any], *names: str) -> int:
    """The product of whole numbers, or lists of them, in a config; what is absent or None counts as 1."""
    values = [config.get(name) for name in names]
    numbers = [number for value in values for number in (value if isinstance(value, list) else [value])]
    return math.prod(number for number in numbers if isinstance(number, int))


def _convolution(config: dict[str, Any], channels: int) -> int:
    return _number(config, "filters", "kernel_size") * channels // max(1, _number(config, "groups"))


KERNELS: dict[str, Callable[[dict[str, Any], int], int]] = {
    "Dense": lambda config, channels: _number(config, "units") * channels,
    "EinsumDense": lambda config, channels: _number(config, "output_shape"),
    "Embedding": lambda config, channels: _number(config, "input_dim", "output_dim"),
    "MultiHeadAttention": lambda config, channels: 2 * _number(config, "num_heads", "key_dim"),
    "GroupQueryAttention": lambda config, channels: _number(config, "head_dim", "num_query_heads"),
    "LayerScale": lambda config, channels: _number(config, "projection_dim"),
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Conv2DTranspose": _convolution,
    "SeparableConv1D": lambda config, channels: _number(config, "filters", "depth_multiplier") * channels,
    "SeparableConv2D": lambda config, channels: _number(config, "filters", "depth_multiplier") * channels,
    "DepthwiseConv1D": lambda config, channels: _number(config, "kernel_size", "depth_multiplier") * channels,
    "DepthwiseConv2D": lambda config, channels: _number(config, "kernel_size", "depth_multiplier") * channels,
}
"""Lower bounds, by class; what they miss, the memory limit of export.load_child stops."""
