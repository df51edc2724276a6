"""Opens a model file of a bundle: one that `export` made, or one that it adopted as it was."""

from pathlib import Path
from typing import Any

from runtime.backends.base import EMBEDDED_MANIFEST
from runtime.models.io_adapter import ModelAdapter
from runtime.models.manifest import Manifest
from runtime.models.quince_model import open_quince_model


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
