"""What a model file is: its format, its precision, and how its integers are found."""

from dataclasses import dataclass
from typing import Literal

Io = Literal["uint8", "int8"]
Ranges = Literal["minmax", "percentile"]

CALIBRATED = ("int8", "mixed", "int16x8")
"""The precisions whose activation ranges are measured on a representative dataset."""


@dataclass(frozen=True)
class Kind:
    """A model file to make.

    io: dtype of input and output of a full-integer TFLite file.
    ranges: how activation ranges are taken from the representative dataset.
    equalized: cross-layer equalization comes first.
    float_layers: Keras layers that stay in float ("mixed" only).
    qat: quantization-aware fine-tuning comes first.
    batch: pictures a call.
    """

    format: str
    precision: str
    io: Io = "uint8"
    ranges: Ranges = "minmax"
    equalized: bool = False
    float_layers: tuple[str, ...] = ()
    qat: bool = False
    batch: int = 1

    @property
    def file(self) -> str:
        """Its name in the bundle."""
        return f"model.{self.precision}{'' if self.io == 'uint8' else '-' + self.io + '-io'}.{self.format}"
