"""What a model file says of its input and its output, and what can be read off their shapes without a guess."""

from typing import Literal, NamedTuple, get_args

import numpy as np

from runtime.errors import InputRefused
from runtime.quantization import Quantization

Layout = Literal["nhwc", "nchw"]
Ending = Literal["softmax", "sigmoid", "other"]
"""What makes a model's scores: probabilities that add up to 1, probabilities of each class alone, or anything else, taken for logits."""
Shape = tuple[int | None, ...]

CHANNELS = (3, 1)
"""Colour and grey."""
CHANNEL_AXIS: dict[str, int] = {"nhwc": 3, "nchw": 1}


class Tensor(NamedTuple):
    """An input or output: its shape (None where the file leaves a size open, or does not say the rank: ()), its dtype, and per-tensor
    scale and zero point where it is quantized."""

    shape: Shape
    dtype: type[np.generic]
    quantization: Quantization | None = None

    def __str__(self) -> str:
        return f"{np.dtype(self.dtype).name} {shape_text(self.shape)}"


def shape_text(shape: Shape) -> str:
    """`(?, 3, 224, 224)`."""
    return f"({', '.join('?' if side is None else str(side) for side in shape)})"


def find_layout(name: str, tensor: Tensor, told: Layout | None) -> Layout:
    """Whether a picture's channels come last (nhwc) or before height and width (nchw); `told` is what is known from elsewhere.

    Raises:
        InputRefused: not a picture's shape, one that could be both where nothing is told, or one that is not as told.
    """
    found = [layout for layout in get_args(Layout) if len(tensor.shape) == 4 and tensor.shape[CHANNEL_AXIS[layout]] in CHANNELS]
    if not found:
        wanted = "(1, height, width, 3) or (1, 3, height, width), or 1 for grey"
        raise InputRefused(name, f"expected an input of one picture, {wanted}, found {tensor}")
    if told is None and len(found) > 1:
        raise InputRefused(name, f"its input {tensor} could have its channels first or last; say which with --layout nchw or --layout nhwc")
    if told not in (None, *found):
        raise InputRefused(name, f"its input is {tensor}, which is not {told}; leave --layout out")
    return told or found[0]


def picture_size(name: str, tensor: Tensor, layout: Layout, told: tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) in pixels of the picture in an input; `told` is what is known from elsewhere.

    Raises:
        InputRefused: the file leaves it open and nothing is told, or it is not as told.
    """
    sides = tuple(side for axis, side in enumerate(tensor.shape) if axis not in (0, CHANNEL_AXIS[layout]))
    if told is None and None in sides:
        raise InputRefused(name, f"its input {tensor} leaves the picture's size open; give one with --input-size")
    height, width = told or sides
    if any(side not in (None, wanted) for side, wanted in zip(sides, (height, width), strict=True)):
        raise InputRefused(name, f"its input is {tensor}, expected a picture of {height}x{width} pixels (height x width)")
    return int(height or 0), int(width or 0)


def count_classes(name: str, output: Tensor, shape: Shape, batch: int) -> int:
    """How many scores there are for each of `batch` pictures in an output of `shape`, which is that of a run where the file leaves it open.

    Raises:
        InputRefused: not one vector of at least two scores.
    """
    sides = [side for side in (shape[1:] if len(shape) > 1 else shape) if side != 1]
    if None in sides or len(sides) > 1 or (len(shape) > 1 and shape[0] not in (None, batch)):
        found = f"{np.dtype(output.dtype).name} {shape_text(shape)}"
        raise InputRefused(name, f"expected one vector of class scores (1, classes), found an output of {found}")
    if not sides:
        raise InputRefused(name, f"has a single output {output} (a sigmoid, for two classes); give it two with a softmax")
    return int(sides[0] or 0)
