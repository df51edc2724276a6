"""Describes a model file to make: its format, its precision and how its integers are found."""

from dataclasses import dataclass
from typing import Literal

from export.formats.registry import FORMATS
from runtime.errors import InputRefused
from runtime.system.lazy_loading import lookup

Io = Literal["uint8", "int8", "float"]
Ranges = Literal["minmax", "percentile"]

CALIBRATED = ("int8", "mixed", "int16x8")
"""The precisions whose activation ranges are measured on a representative dataset."""
DEFAULT_IO: Io = "uint8"


@dataclass(frozen=True)
class ArtifactSpec:
    """States which model file to make.

    io: what the file takes. "uint8": raw pixels. "int8": raw pixels less 128, and scores less 128,
        in a full-integer TFLite file; it alone has integer scores. "float": planes (batch,
        channels, height, width) in 0..1, as
        PyTorch's programs pass them (ONNX only).
    ranges: how activation ranges are taken from the representative dataset.
    equalized: cross-layer equalization comes first.
    float_layers: layers that stay in float ("mixed" only): of Keras for TFLite, nodes for ONNX.
    qat: quantization-aware fine-tuning comes first.
    batch: images a call (ONNX only).
    targets: names of the runtimes that the file must run on (`export.formats.targets.targets`).
    """

    format: str
    precision: str
    io: Io = DEFAULT_IO
    ranges: Ranges = "minmax"
    equalized: bool = False
    float_layers: tuple[str, ...] = ()
    qat: bool = False
    batch: int = 1
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        row = lookup(FORMATS, self.format, "format")
        if self.batch > 1 and row.max_batch == 1:
            reason = f"a .{self.format} file takes one image a call; leave out --batch"
            raise InputRefused("--batch", reason)
        if not 1 <= self.batch <= row.max_batch:
            reason = f"expected a number of images from 1 to {row.max_batch}, found {self.batch}"
            raise InputRefused("--batch", reason)
        if self.io != DEFAULT_IO and self.precision not in row.other_io.get(self.io, ()):
            self._refuse_io()

    def _refuse_io(self) -> None:
        allowed = [
            f"{'/'.join(row.other_io[self.io])} .{name} files"
            for name, row in FORMATS.items()
            if self.io in row.other_io
        ]
        raise InputRefused(
            "--io",
            f"{self.io} is for {' and '.join(allowed)},"
            f" not for {self.precision} .{self.format} files",
        )

    @property
    def float_scores(self) -> bool:
        """Whether the scores of an int8 or mixed file are computed and returned in float32."""
        return self.io != "int8"

    @property
    def score_dtype(self) -> str:
        """The dtype of the output of an int8 or mixed file."""
        return "float32" if self.float_scores else self.io

    @property
    def file(self) -> str:
        """The file's name in the bundle."""
        io = {"uint8": "", "int8": "-io", "float": "-float-io"}[self.io]
        batch = f"-batch{self.batch}" if self.batch > 1 else ""
        return f"model.{self.precision}{io}{batch}.{self.format}"
