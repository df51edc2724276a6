"""What a model file is: its format, its precision, and how its integers are found."""

from dataclasses import dataclass, field
from typing import Literal

from runtime.errors import InputRefused

Io = Literal["uint8", "int8", "float"]
Ranges = Literal["minmax", "percentile"]

CALIBRATED = ("int8", "mixed", "int16x8")
"""The precisions whose activation ranges are measured on a representative dataset."""
MAX_BATCH = 1024


@dataclass(frozen=True)
class Kind:
    """A model file to make.

    io: what goes in. Raw pixels as uint8; "int8": the same less 128, in and out of a full-integer TFLite file; "float": planes
        (batch, 3, height, width) in 0..1, as PyTorch's programs feed them (ONNX only).
    ranges: how activation ranges are taken from the representative dataset.
    equalized: cross-layer equalization comes first.
    float_layers: Keras layers that stay in float ("mixed" only).
    qat: quantization-aware fine-tuning comes first.
    batch: pictures a call (ONNX only).
    targets: the runtimes it must run on, by name (`export.targets`); two kinds that differ in nothing else are the same kind.
    """

    format: str
    precision: str
    io: Io = "uint8"
    ranges: Ranges = "minmax"
    equalized: bool = False
    float_layers: tuple[str, ...] = ()
    qat: bool = False
    batch: int = 1
    targets: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= MAX_BATCH:
            raise InputRefused("--batch", f"expected a number of pictures from 1 to {MAX_BATCH}, found {self.batch}")
        if self.batch > 1 and self.format != "onnx":
            raise InputRefused("--batch", f"a .{self.format} file takes one picture a call; only .onnx files can take more")
        if self.io == "int8" and (self.format, self.precision) != ("tflite", "int8"):
            raise InputRefused("--io", f"int8 is for .tflite files of precision int8, not for {self.precision} .{self.format}")
        if self.io == "float" and self.format != "onnx":
            raise InputRefused("--io", f"float is for .onnx files, not for .{self.format}")

    @property
    def file(self) -> str:
        """Its name in the bundle."""
        io = {"uint8": "", "int8": "-io", "float": "-float-io"}[self.io]
        batch = f"-batch{self.batch}" if self.batch > 1 else ""
        return f"model.{self.precision}{io}{batch}.{self.format}"
