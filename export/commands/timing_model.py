"""Converts a Keras file to an int8 `.tflite` file that is only there to be timed.

`python -m export.commands.timing_model MODEL PIXELS FILE` is how `quince train choose` asks for
one. Latency and size depend on the shapes of a network, so its head need not be trained; such a
network would not pass the gate of an export.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from runtime.images.preprocessing import Preprocessing
from runtime.models.manifest import Manifest
from runtime.system.atomic_files import write_file
from runtime.system.lazy_loading import requires_extra
from runtime.system.subprocesses import print_answer
from runtime.system.terminal import quiet
from workstation.keras_setup import prepare_tensorflow

NAME = "for timing only: its head is not trained"
SPEC = ArtifactSpec("tflite", "int8")


def main(arguments: Sequence[str]) -> int:
    """Writes FILE, and prints its size in bytes or an error as one JSON object."""
    model, pixels, output = map(Path, arguments)
    print_answer(lambda: _convert(model, pixels, output))
    return 0


def _convert(model_file: Path, pixels_file: Path, output: Path) -> Mapping[str, Any]:
    """Converts the model; the ranges are measured on the (n, height, width, 3) uint8 pixels."""
    prepare_tensorflow()
    with quiet(), requires_extra("export"):
        from export.inputs.keras_loader import load_flat_model
    model = load_flat_model(model_file)
    height, width = model.input_shape[1:3]
    labels = tuple(f"class {number}" for number in range(model.output_shape[-1]))
    manifest = Manifest(NAME, labels, Preprocessing(width, height))
    convert = FORMATS[SPEC.format].convert.load()
    with quiet():
        content = convert(model, SPEC, np.load(pixels_file), manifest).content
    write_file(output, content)
    return {"bytes": len(content)}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
