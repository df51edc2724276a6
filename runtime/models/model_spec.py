"""Describes a model file from elsewhere by what the user or the file itself states about it.

`runtime.models.external_model` opens such a file.
"""

from typing import NamedTuple

from runtime.errors import InputRefused
from runtime.file_formats.tensors import ChannelOrder, Layout, ScoreKind
from runtime.images.preprocessing import Fit
from runtime.models.normalization import Normalization

MAX_SIDE = 4096
"""The longest side, in pixels, that --input-size accepts."""


class ModelSpec(NamedTuple):
    """Holds what is known about a model file from elsewhere; None means not known.

    labels: in output order.
    labels_from: where they come from, for error messages.
    normalization: without one, a uint8 input takes the pixels as they are.
    input_size: (height, width) of the image.
    channel_order: "grey" only matters if the file leaves the number of channels open.
    scores: without it, the output counts as logits unless the model ends with softmax or sigmoid.
    output: the name of the output that holds the scores, for a model with several.
    """

    labels: tuple[str, ...] | None = None
    labels_from: str | None = None
    normalization: Normalization | None = None
    fit: Fit | None = None
    input_size: tuple[int, int] | None = None
    layout: Layout | None = None
    channel_order: ChannelOrder | None = None
    scores: ScoreKind | None = None
    output: str | None = None


def merge(first: ModelSpec, second: ModelSpec) -> ModelSpec:
    """Returns what the first states, and what only the second states."""
    stated = {name: value for name, value in first._asdict().items() if value is not None}
    return second._replace(**stated)


def parse_input_size(text: str | None) -> tuple[int, int] | None:
    """Reads `224` or `HEIGHTxWIDTH` as (height, width) in pixels; None stays None.

    Raises:
        InputRefused: the text is anything else.
    """
    if text is None:
        return None
    sides = text.split("x") if "x" in text else [text, text]
    if len(sides) != 2 or not all(map(_is_side, sides)):
        raise InputRefused(
            "--input-size",
            f"expected SIDE or HEIGHTxWIDTH in pixels, 1 to {MAX_SIDE}, found {text!r}",
        )
    return int(sides[0]), int(sides[1])


def _is_side(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4 and 0 < int(text) <= MAX_SIDE
