"""What is put around a model of someone else's, so that it takes raw RGB pixels 0..255 and gives probabilities, as ours do."""

from dataclasses import dataclass
from typing import Any

from runtime.scaling import Scaling


@dataclass(frozen=True)
class Preparation:
    """scaling: comes before the model. softmax: comes after it, on logits. input_size: (height, width) of a model that leaves it open."""

    scaling: Scaling | None = None
    softmax: bool = False
    input_size: tuple[int, int] | None = None

    @classmethod
    def from_plain(cls, data: Any) -> "Preparation":
        """From what `dataclasses.asdict` and JSON made of one."""
        scaling = data["scaling"]
        size = data["input_size"]
        return cls(
            Scaling(tuple(scaling["mean"]), tuple(scaling["std"]), scaling["bgr"]) if scaling else None,
            data["softmax"],
            (size[0], size[1]) if size else None,
        )


UNCHANGED = Preparation()
"""For a model that takes raw pixels of a fixed size and gives probabilities."""
