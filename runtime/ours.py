"""A model file that `export` made: its manifest says all of it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.backends import EMBEDDED_MANIFEST, Backend
from runtime.errors import InputRefused
from runtime.manifest import Manifest
from runtime.reading import Model, Reading
from runtime.scaling import UNSCALED, Scaling
from runtime.tensors import Layout, find_layout, picture_size

INPUTS: Mapping[str, tuple[type[np.generic], ...]] = {".tflite": (np.uint8, np.int8, np.int16), ".onnx": (np.uint8, np.float32)}
"""What `export` makes, by the file's suffix."""


def open_ours(path: Path, backend: Backend, told: Manifest | None = None) -> tuple[Manifest, Model]:
    """A model of ours: raw uint8 pixels, the same less 128, int16 by its scale, or planes of floats 0..1; probabilities come out.

    With it the manifest inside the file; `told` is that of its bundle, and taken where there is none inside.

    Raises:
        InputRefused: input or output are not as the manifest says, or the manifest inside says other than `told`.
    """
    inside = _embedded(path, backend) if told is None or EMBEDDED_MANIFEST in backend.metadata else told
    manifest = told or inside
    dtype, shape = backend.input.dtype, manifest.preprocessing
    if dtype not in INPUTS[path.suffix]:
        wanted = ", ".join(np.dtype(one).name for one in INPUTS[path.suffix])
        raise InputRefused(str(path), f"expected an input of {wanted}, found {backend.input}")
    layout: Layout = "nchw" if dtype is np.float32 else "nhwc"
    scaling = Scaling((0.0,), (255.0,)) if dtype is np.float32 else UNSCALED if dtype is np.int16 else None
    find_layout(str(path), backend.input, layout)
    found = picture_size(str(path), backend.input, layout, None)
    if found != (shape.height, shape.width):
        raise InputRefused(str(path), f"its input is {(1, *found, 3)}, its manifest says (1, {shape.height}, {shape.width}, 3)")
    model = Model(str(path), backend, Reading(found, layout, scaling))
    if model.classes != len(manifest.labels):
        raise InputRefused(str(path), f"has {model.classes} outputs, its manifest {len(manifest.labels)} labels")
    if (inside.labels, inside.preprocessing) != (manifest.labels, manifest.preprocessing):
        raise InputRefused(str(path), "the labels or preprocessing inside it are not those of the bundle's manifest")
    return inside, model


def _embedded(path: Path, backend: Backend) -> Manifest:
    return Manifest.from_json(backend.metadata[EMBEDDED_MANIFEST], f"{path}:{EMBEDDED_MANIFEST}")
