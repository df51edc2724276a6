"""Reads a Keras model's signature: one image of fixed size in, one vector of class scores out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from export.graph.wrapping import Wrapping
from runtime.errors import InputRefused
from runtime.file_formats.tensors import (
    CHANNELS,
    Shape,
    count_scores,
    find_image_size,
    not_class_scores,
    shape_text,
)
from runtime.images.preprocessing import Channels

MAX_SIDE = 4096


@dataclass(frozen=True)
class ModelSignature:
    """Holds the image's height and width in pixels, and the number of scores.

    channels: 3 for RGB, 1 for grey.
    scales_pixels: whether the model starts with arithmetic on pixels, such as a Rescaling.
    """

    height: int
    width: int
    classes: int
    channels: Channels = 3
    scales_pixels: bool = False


def read_signature(model: Any, thing: str, input_size: tuple[int, int] | None) -> ModelSignature:
    """Returns the signature of a loaded Keras model.

    `input_size` is (height, width) for a model that leaves them open; `thing` is named in errors.

    Raises:
        InputRefused: the model does not take one image and return one vector of scores.
    """
    inputs, outputs = (list(getattr(model, part, None) or ()) for part in ("inputs", "outputs"))
    if not inputs:
        raise InputRefused(
            thing,
            "does not state the shape of its input;"
            " build it on a keras.Input((height, width, 3)) and save it again",
        )
    shape = _shape_of_one(inputs, "inputs", thing)
    height, width, channels = keras_image_shape(shape, thing, input_size)
    classes = keras_class_count(_shape_of_one(outputs, "outputs", thing), thing)
    return ModelSignature(height, width, classes, channels)


def keras_image_shape(
    shape: Shape, thing: str, input_size: tuple[int, int] | None
) -> tuple[int, int, Channels]:
    """Returns (height, width, channels) of an input of this shape, batch first and channels last.

    Without an axis of channels, (batch, height, width), the image is grey.

    Raises:
        InputRefused: the input is no image, or its size is open, out of range or another.
    """
    if len(shape) == 3 and shape[0] is None:
        shape = (*shape, 1)
    if len(shape) != 4 or shape[-1] not in CHANNELS:
        hint = ""
        if len(shape) == 4 and shape[1] in CHANNELS:
            hint = " (channels first)"
        raise InputRefused(
            thing,
            "expected an input of (batch, height, width, 3) RGB pixels, or 1 for grey,"
            f" found {shape_text(shape)}{hint}",
        )
    height, width = find_image_size(thing, shape, "nhwc", input_size)
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE) or height * width == 1:
        raise InputRefused(
            thing,
            f"expected an image of 1 to {MAX_SIDE} pixels a side and more than one in all,"
            f" found {height}x{width}",
        )
    return height, width, 1 if shape[-1] == 1 else 3


def keras_class_count(shape: Shape, thing: str) -> int:
    """Returns the number of scores in an output of this shape, batch first; 1 for a lone sigmoid.

    Raises:
        InputRefused: the output is not one vector of scores an image.
    """
    if len(shape) != 2:
        raise not_class_scores(thing, shape)
    return count_scores(thing, shape, shape[0])


def scores_output_name(shapes: Mapping[str, Shape], wrapping: Wrapping, thing: str) -> str:
    """Returns the name of the output with the scores, as `wrapping` states it.

    Args:
        shapes: of each output, batch first.
        wrapping: has its name, or the number of classes.
        thing: of the model, for errors.

    Raises:
        InputRefused: there is no such output, or none or several could be meant.
    """
    listed = ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items())
    if wrapping.output is not None:
        if wrapping.output not in shapes:
            raise InputRefused(
                thing, f"has no output {wrapping.output!r} (--scores-output); it has {listed}"
            )
        return wrapping.output
    for count in (wrapping.classes, 1 if wrapping.classes == 2 else None):
        fitting = [name for name, shape in shapes.items() if count and shape[1:] == (count,)]
        if len(fitting) == 1:
            return fitting[0]
    if len(shapes) == 1:
        return next(iter(shapes))
    raise InputRefused(
        thing,
        f"has {len(shapes)} outputs ({listed}); expected one of them to have a score for each"
        " label; choose one with --scores-output NAME",
    )


def _shape_of_one(tensors: list[Any], role: str, thing: str) -> Shape:
    if len(tensors) != 1:
        names = ", ".join(f"{tensor.name} {shape_text(tuple(tensor.shape))}" for tensor in tensors)
        raise InputRefused(thing, f"has {len(tensors)} {role} ({names}); expected one")
    return tuple(tensors[0].shape)
