"""Describes what is put around an external model, so that it behaves like a model of our own.

A model of our own takes raw RGB pixels in 0..255 and returns probabilities.
"""

from dataclasses import dataclass
from typing import Any

from runtime.models.normalization import Normalization


@dataclass(frozen=True)
class Wrapping:
    """Lists the layers to add before and after a model.

    normalization: comes before the model.
    softmax: comes after a model whose outputs are logits.
    input_size: (height, width) for a model that leaves its input size open.
    output, classes: the name of the output with the scores, for a model with several; without a
        name it is the only one with a score for each of `classes`.
    """

    normalization: Normalization | None = None
    softmax: bool = False
    input_size: tuple[int, int] | None = None
    output: str | None = None
    classes: int | None = None

    @classmethod
    def from_plain(cls, data: Any) -> "Wrapping":
        """Returns the Wrapping that `dataclasses.asdict` and JSON turned into `data`."""
        plain = data["normalization"]
        normalization = None
        if plain:
            normalization = Normalization(tuple(plain["mean"]), tuple(plain["std"]), plain["bgr"])
        size = data["input_size"]
        return cls(
            normalization,
            data["softmax"],
            (size[0], size[1]) if size else None,
            data["output"],
            data["classes"],
        )


NO_WRAPPING = Wrapping()
"""For a model that takes raw pixels of a fixed size and returns probabilities."""
