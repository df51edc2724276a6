"""What goes into a model and what comes out: one picture of fixed size, one vector of class scores. Anything else is refused by name."""

from dataclasses import dataclass
from typing import Any

from runtime.errors import InputRefused

MAX_SIDE = 4096


@dataclass(frozen=True)
class Signature:
    """The picture's height and width in pixels, and the number of classes."""

    height: int
    width: int
    classes: int


def read_signature(model: Any, thing: str, input_size: tuple[int, int] | None) -> Signature:
    """The signature of a loaded Keras model; `input_size` is (height, width) where the model leaves them open.

    Raises:
        InputRefused: it is not one RGB picture in, one vector of at least two scores out, naming what it is instead.
    """
    inputs, outputs = (list(getattr(model, part, None) or ()) for part in ("inputs", "outputs"))
    if not inputs:
        raise InputRefused(thing, "does not say what shape its input has; build it on a keras.Input((height, width, 3)) and save it again")
    height, width = picture_size(_one(inputs, "inputs", thing), thing, input_size)
    return Signature(height, width, count_classes(_one(outputs, "outputs", thing), thing))


def picture_size(shape: tuple[int | None, ...], thing: str, input_size: tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) of an input of this shape, batch first."""
    if len(shape) != 4 or shape[-1] != 3:
        what = " (channels first)" if len(shape) == 4 and shape[1] == 3 else " (grey)" if shape[-1:] == (1,) else ""
        raise InputRefused(thing, f"expected an input of (batch, height, width, 3) RGB pixels, found {_text(shape)}{what}")
    sides = tuple(shape[1:3])
    if None in sides and input_size is None:
        raise InputRefused(thing, f"its input {_text(shape)} leaves the picture's size open; give one with --input-size")
    wanted = input_size or sides
    if any(found not in (None, side) for found, side in zip(sides, wanted, strict=True)):
        raise InputRefused("--input-size", f"the model takes {sides[0]}x{sides[1]} pixels, found {wanted[0]}x{wanted[1]}")
    height, width = wanted
    if not all(isinstance(side, int) and 1 <= side <= MAX_SIDE for side in wanted) or wanted == (1, 1):
        raise InputRefused(thing, f"expected a picture of 1 to {MAX_SIDE} pixels a side and more than one in all, found {_text(shape)}")
    return int(height or 0), int(width or 0)


def count_classes(shape: tuple[int | None, ...], thing: str) -> int:
    """The number of classes of an output of this shape, batch first."""
    classes = shape[-1] if len(shape) == 2 else None
    if classes is None:
        raise InputRefused(thing, f"expected one vector of class scores (batch, classes), found an output of {_text(shape)}")
    if classes == 1:
        raise InputRefused(thing, "has a single output (a sigmoid, for two classes); give it two with a softmax")
    return classes


def _one(tensors: list[Any], what: str, thing: str) -> tuple[int | None, ...]:
    if len(tensors) != 1:
        names = ", ".join(f"{tensor.name} {_text(tuple(tensor.shape))}" for tensor in tensors)
        raise InputRefused(thing, f"has {len(tensors)} {what} ({names}); expected one")
    return tuple(tensors[0].shape)


def _text(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('?' if side is None else str(side) for side in shape)})"
