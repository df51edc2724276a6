"""Describes an external ONNX classifier to convert."""

from dataclasses import dataclass
from pathlib import Path

from runtime.models.io_adapter import InputSpec


@dataclass(frozen=True)
class OnnxModel:
    """Holds a float ONNX classifier that `export.inputs.model_file` has cleaned.

    file: one input of a fixed shape, one output, standard operators, everything in one file.
    input: what goes into it. classes: labels. is_single: it gives one score for two classes.
    """

    file: Path
    input: InputSpec
    classes: int
    is_single: bool
