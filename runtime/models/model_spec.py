"""Describes a model file from elsewhere by what the user or the file itself states about it.

`runtime.models.external_model` opens such a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from runtime.errors import InputRefused
from runtime.file_formats.tensors import Layout
from runtime.images.preprocessing import Fit, Preprocessing
from runtime.models.normalization import Normalization
from runtime.system.json_records import expect_list, from_json_object

Channels = Literal["rgb", "bgr", "grey"]
Scores = Literal["probabilities", "logits"]

MAX_SIDE = 4096
"""The longest side, in pixels, that --input-size accepts."""


class ModelSpec(NamedTuple):
    """Holds what is known about a model file from elsewhere; None means not known.

    labels: in output order. labels_from: where they come from, for error messages.
    normalization: without one, a uint8 input takes the pixels as they are.
    input_size: (height, width) of the image.
    channels: "grey" only matters if the file leaves the number of channels open.
    scores: without it, the output counts as logits unless the model ends with softmax or sigmoid.
    output: the name of the output that holds the scores, for a model with several.
    """

    labels: tuple[str, ...] | None = None
    labels_from: str | None = None
    normalization: Normalization | None = None
    fit: Fit | None = None
    input_size: tuple[int, int] | None = None
    layout: Layout | None = None
    channels: Channels | None = None
    scores: Scores | None = None
    output: str | None = None


@dataclass(frozen=True)
class AdoptedSpec:
    """States how to feed and read a model file that Quince did not make.

    The manifest of a bundle holds it, because nothing inside such a file may.

    mean, std: of the normalization, in the order of the channels; empty: the input takes pixels as
        they are.
    output: the name of the output with the scores, of a model with several.
    """

    layout: Layout
    channels: Channels
    scores: Scores
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    output: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("layout", Layout), ("channels", Channels), ("scores", Scores)):
            if getattr(self, name) not in get_args(allowed):
                found = str(getattr(self, name))[:50]
                expected = " or ".join(get_args(allowed))
                raise InputRefused("adopted", f"expected {name} {expected}, found {found!r}")
        for number in (*self.mean, *self.std):
            if isinstance(number, bool) or not isinstance(number, int | float):
                found = str(number)[:50]
                raise InputRefused("adopted", f"expected numbers as mean and std, found {found!r}")
        if not isinstance(self.output, str | None):
            raise InputRefused("adopted", "expected output to be a name")
        _ = self._normalization

    @property
    def _normalization(self) -> Normalization | None:
        return Normalization(self.mean, self.std) if self.mean or self.std else None

    @classmethod
    def from_json(cls, data: Any) -> "AdoptedSpec":
        """Reads it from JSON; raises InputRefused for anything else."""
        if isinstance(data, Mapping):
            lists = {
                name: expect_list(name, data[name]) for name in ("mean", "std") if name in data
            }
            data = {**data, **{name: tuple(values) for name, values in lists.items()}}
        return from_json_object(cls, data)

    def model_spec(self, labels: tuple[str, ...], preprocessing: Preprocessing) -> ModelSpec:
        """Returns the spec with which `open_external` opens the file."""
        return ModelSpec(
            labels,
            "manifest.json",
            self._normalization,
            preprocessing.fit,
            (preprocessing.height, preprocessing.width),
            self.layout,
            self.channels,
            self.scores,
            self.output,
        )


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
