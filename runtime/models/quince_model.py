"""Opens a model file of a bundle: one that `export` made, or one that it adopted as it was.

The manifest of the first describes it completely.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.base import EMBEDDED_MANIFEST, Backend
from runtime.errors import InputRefused
from runtime.file_formats.tensors import (
    CHANNEL_AXIS,
    Layout,
    find_image_size,
    find_layout,
    image_shape,
)
from runtime.models.io_adapter import InputSpec, ModelAdapter
from runtime.models.manifest import Manifest
from runtime.models.outputs import SIMILARITY, second_output

INPUT_DTYPES: Mapping[str, tuple[type[np.generic], ...]] = {
    ".tflite": (np.uint8, np.int8, np.int16),
    ".onnx": (np.uint8, np.float32),
}
"""The dtypes of the inputs that `export` makes, by the file's suffix; another format has any."""
ALL_DTYPES = (np.uint8, np.int8, np.int16, np.float32)


def open_bundled_model(
    path: Path, content: bytes, backend: Any, manifest: Manifest
) -> tuple[Manifest, ModelAdapter]:
    """Returns the manifest that is valid for a model file of a bundle, and the model.

    An adopted file has no manifest inside, so that of the bundle is valid for it.

    Args:
        path: of the model file.
        content: of that file.
        backend: that has loaded it.
        manifest: of the bundle.

    Raises:
        InputRefused: the file is not as the manifest states.
    """
    if manifest.adopted is None or EMBEDDED_MANIFEST in backend.metadata:
        return open_quince_model(path, backend, manifest)
    # Imported here, because few bundles need it.
    from runtime.models.external_model import open_external

    spec = manifest.adopted.model_spec(manifest.labels, manifest.preprocessing)
    _, model, _ = open_external(path, content, backend, spec)
    return manifest, model


def open_quince_model(
    path: Path, backend: Any, bundle_manifest: Manifest | None = None
) -> tuple[Manifest, ModelAdapter]:
    """Returns the manifest inside a model file of ours, and the model.

    Its input takes raw uint8 pixels, the same less 128, int16 by its scale, or planes of floats
    0..1; it returns probabilities. A file without a manifest inside gets that of its bundle.

    Raises:
        InputRefused: the input or output are not as the manifest says, or the manifest inside
            contradicts that of the bundle.
    """
    if bundle_manifest is None or EMBEDDED_MANIFEST in backend.metadata:
        thing = f"{path}:{EMBEDDED_MANIFEST}"
        embedded = Manifest.from_json(backend.metadata[EMBEDDED_MANIFEST], thing)
    else:
        embedded = bundle_manifest
    manifest = bundle_manifest or embedded
    preprocessing = manifest.preprocessing
    spec = _input_spec(path, backend)
    second = second_output(str(path), backend)
    channels = image_shape(backend.input)[CHANNEL_AXIS[spec.layout]]
    if (*spec.size, channels) != preprocessing.shape:
        raise InputRefused(
            str(path),
            f"its input is {(1, *spec.size, channels)}, but its manifest says"
            f" {(1, *preprocessing.shape)}",
        )
    one_class = len(manifest.labels) == 1
    if one_class and second is None:
        raise InputRefused(
            str(path),
            f"has one label and no output {SIMILARITY}, so it would know every image; export it"
            " again",
        )
    model = ModelAdapter(str(path), backend, spec, second, one_class=one_class)
    if model.classes != len(manifest.labels):
        raise InputRefused(
            str(path),
            f"has {model.classes} outputs, but its manifest has {len(manifest.labels)} labels",
        )
    if second == SIMILARITY and backend.outputs[second].shape[-1] != model.classes:
        raise InputRefused(
            str(path),
            f"its output {second} is {backend.outputs[second]}, but its manifest has"
            f" {model.classes} labels",
        )
    if (embedded.labels, embedded.preprocessing) != (manifest.labels, manifest.preprocessing):
        raise InputRefused(
            str(path),
            "the labels or preprocessing inside it are not those of the bundle's manifest",
        )
    return embedded, model


def _input_spec(path: Path, backend: Backend) -> InputSpec:
    dtype = backend.input.dtype
    dtypes = INPUT_DTYPES.get(path.suffix, ALL_DTYPES)
    if dtype not in dtypes:
        expected = ", ".join(np.dtype(dtype).name for dtype in dtypes)
        raise InputRefused(str(path), f"expected an input of {expected}, found {backend.input}")
    layout: Layout = "nhwc"
    normalization = None
    if dtype in (np.float32, np.int16):
        # Imported here, because the files for most devices take the pixels as they are.
        from runtime.models.normalization import UNIT, UNNORMALIZED

        normalization = UNNORMALIZED
        if dtype is np.float32:
            layout, normalization = "nchw", UNIT
    find_layout(str(path), backend.input, layout)
    size = find_image_size(str(path), image_shape(backend.input), layout, None)
    return InputSpec(size, layout, normalization)
