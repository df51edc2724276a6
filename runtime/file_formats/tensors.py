"""Describes the input and output of a model file, and reads layout, size and classes off a shape.

Quantization is affine, as TFLite and ONNX define it: real = scale * (quantized - zero_point).
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np

from runtime.arrays import NDArray
from runtime.errors import InputRefused

Layout = Literal["nhwc", "nchw"]
ChannelOrder = Literal["rgb", "bgr", "grey"]
ScoreKind = Literal["probabilities", "logits"]
NORMALIZATION_MODES = ("tf", "torch", "caffe")
"""The names in `runtime.models.normalization`, a module that few starts need."""
Shape = tuple[int | None, ...]
Part = TypeVar("Part")

CHANNELS = (3, 1)
"""Colour and grey."""
CHANNEL_AXIS: dict[str, int] = {"nhwc": 3, "nchw": 1}


class Quantization(NamedTuple):
    """Holds the per-tensor scale (> 0) and zero point of a model file."""

    scale: float
    zero_point: int


class Tensor(NamedTuple):
    """Describes an input or output.

    shape: a size that the file leaves open is None; () if the file leaves the rank open.
    quantization: None for a tensor that is not quantized.
    axes: the names that the file gives to open sizes, "" for others; () if it gives none.
    """

    shape: Shape
    dtype: type[np.generic]
    quantization: Quantization | None = None
    axes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{np.dtype(self.dtype).name} {shape_text(self.shape)}"


def unique_names(rows: Iterable[tuple[str, Part]]) -> dict[str, Part]:
    """Returns the rows by name; a name that another row has already gets the row's number."""
    parts: dict[str, Part] = {}
    for number, (name, part) in enumerate(rows):
        parts[f"{name}:{number}" if name in parts else name] = part
    return parts


def shape_text(shape: Shape) -> str:
    """Returns a shape as text, such as `(?, 3, 224, 224)`."""
    return f"({', '.join('?' if side is None else str(side) for side in shape)})"


def image_shape(tensor: Tensor) -> Shape:
    """Returns the shape of an input; four open sizes if the file leaves even the rank open.

    (1, height, width) is a grey image, which gets an axis of one channel.
    """
    shape = tensor.shape
    if len(shape) == 3 and shape[0] in (1, None) and not set(shape[1:]) & set(CHANNELS):
        return (*shape, 1)
    return shape or (None,) * 4


def find_layout(name: str, tensor: Tensor, chosen: Layout | None) -> Layout:
    """Returns whether an image's channels come last (nhwc) or before height and width (nchw).

    The number of channels decides. Where the file leaves it open, the name of the axis does, such
    as `num_channels` in the files of Hugging Face Optimum. `chosen` is the layout known from
    elsewhere.

    Raises:
        InputRefused: no image has this shape, it fits both layouts, or not the chosen one.
    """
    shape = image_shape(tensor)
    channels = {
        layout: shape[CHANNEL_AXIS[layout]] for layout in get_args(Layout) if len(shape) == 4
    }
    fitting = [layout for layout, count in channels.items() if count in CHANNELS]
    if not fitting:
        fitting = [layout for layout, count in channels.items() if count is None]
        named = [layout for layout in fitting if _is_named_channels(tensor, layout)]
        fitting = named if chosen is None and named else fitting
    if not fitting:
        shapes = "(1, height, width, 3) or (1, 3, height, width), or 1 for grey"
        raise InputRefused(name, f"expected an input of one image, {shapes}, found {tensor}")
    if chosen is None and len(fitting) > 1:
        raise InputRefused(
            name,
            f"its input {tensor} could have its channels first or last;"
            " choose with --layout nchw or --layout nhwc",
        )
    if chosen not in (None, *fitting):
        raise InputRefused(
            name, f"its input is {tensor}, which is not {chosen}; leave --layout out"
        )
    return chosen or fitting[0]


def _is_named_channels(tensor: Tensor, layout: Layout) -> bool:
    axis = tensor.axes[CHANNEL_AXIS[layout]].lower() if len(tensor.axes) == 4 else ""
    return "channel" in axis or axis == "c"


def find_image_size(
    name: str, shape: Shape, layout: Layout, input_size: tuple[int, int] | None
) -> tuple[int, int]:
    """Returns (height, width) in pixels of the image in an input of this shape.

    `input_size` is the size known from elsewhere.

    Raises:
        InputRefused: the shape leaves the size open and no size is known, or the two differ.
    """
    sides = tuple(side for axis, side in enumerate(shape) if axis not in (0, CHANNEL_AXIS[layout]))
    if input_size is None and None in sides:
        raise InputRefused(
            name,
            f"its input {shape_text(shape)} leaves the image's size open;"
            " give one with --input-size",
        )
    height, width = input_size or sides
    if sides[0] not in (None, height) or sides[1] not in (None, width):
        raise InputRefused(
            name,
            f"its input is {shape_text(shape)}, expected an image of {height}x{width} pixels"
            " (height x width)",
        )
    return int(height or 0), int(width or 0)


def count_scores(name: str, shape: Shape, batch: int | None) -> int:
    """Returns the number of scores for each of `batch` images in an output of this shape.

    It is 1 for the output of a sigmoid that scores two classes.

    Raises:
        InputRefused: the output is not one vector of scores.
    """
    sides = [side for side in (shape[1:] if len(shape) > 1 else shape) if side != 1]
    if None in sides or len(sides) > 1 or (len(shape) > 1 and shape[0] not in (None, batch)):
        raise not_class_scores(name, shape)
    count = int(sides[0] or 0) if sides else 1
    if not count:
        raise not_class_scores(name, shape)
    return count


def not_class_scores(name: str, shape: Shape) -> InputRefused:
    """Returns the error for an output of this shape that holds no vector of class scores."""
    return InputRefused(
        name,
        f"expected one vector of class scores (1, classes), found an output of {shape_text(shape)}",
    )


def quantize(
    values: NDArray[np.float32], quantization: Quantization, dtype: type[np.integer[Any]]
) -> NDArray[Any]:
    """Returns float values of any shape as `dtype`, clipped to its range.

    Half is rounded to even.
    """
    limits = np.iinfo(dtype)
    quantized: NDArray[Any] = np.clip(
        np.rint(values / quantization.scale) + quantization.zero_point, limits.min, limits.max
    ).astype(dtype)
    return quantized


def dequantize(values: NDArray[Any], quantization: Quantization) -> NDArray[np.float32]:
    """Returns integers of any shape as float32 in real units."""
    shifted = values.astype(np.int32) - quantization.zero_point
    return (shifted * np.float32(quantization.scale)).astype(np.float32)
