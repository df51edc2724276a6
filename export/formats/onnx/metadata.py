"""Writes the metadata_props of an `.onnx` file.

They hold our manifest, and the entries by which Ultralytics' loader recognizes a classifier.
"""

import onnx

from runtime.backends.base import EMBEDDED_MANIFEST
from runtime.models.manifest import Manifest


def write_metadata(model: onnx.ModelProto, manifest: Manifest, batch: int) -> None:
    """Replaces the metadata_props of `model`, in place.

    names, imgsz, task, stride, batch and channels are Python literals, as Ultralytics 8 writes and
    reads them (ultralytics, engine/exporter.py and nn/backends/base.py). A stride of 1 allows any
    image size, because a classifier has no grid of boxes.
    """
    image = manifest.preprocessing
    del model.metadata_props[:]
    onnx.helper.set_model_props(
        model,
        {
            EMBEDDED_MANIFEST: manifest.to_json(),
            "names": str(dict(enumerate(manifest.labels))),
            "imgsz": str([image.height, image.width]),
            "task": "classify",
            "stride": "1",
            "batch": str(batch),
            "channels": str(image.channels),
        },
    )


def with_manifest(content: bytes, manifest: Manifest) -> bytes:
    """Returns a file that `convert` made, with another manifest of the same labels inside."""
    model = onnx.load_from_string(content)
    entry = next(entry for entry in model.metadata_props if entry.key == EMBEDDED_MANIFEST)
    entry.value = manifest.to_json()
    changed: bytes = model.SerializeToString(deterministic=True)
    return changed
