"""What is in a bundle or a model file, for people and programs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends import EMBEDDED_MANIFEST, Backend, load_backend
from runtime.bundle import ID_LENGTH, Bundle
from runtime.digest import digest
from runtime.errors import InputRefused, MachineError
from runtime.foreign import Foreign
from runtime.foreign_file import open_foreign
from runtime.manifest import Artifact, Manifest
from runtime.measured_figures import read_measured
from runtime.model_file import read_model_file
from runtime.ours import open_ours
from runtime.tensors import Tensor


@dataclass(frozen=True)
class TensorDescription:
    """An input or output: dtype, shape (None: left open), and scale and zero point where it is quantized."""

    dtype: str
    shape: tuple[int | None, ...]
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class ModelDescription:
    """A model file. `lacking` says why input and output are not known here; `measured` is what export measured, where it is recorded."""

    file: str
    format: str
    precision: str | None
    size_bytes: int
    sha256: str
    input: TensorDescription | None
    output: TensorDescription | None
    lacking: str
    measured: Mapping[str, float]


@dataclass(frozen=True)
class Description:
    """What answers with these labels and this preprocessing.

    kind: "bundle", "model file", or "foreign model file", of which labels and preprocessing may not be known; `lacking` then says why.
    """

    path: str
    kind: str
    id: str
    name: str
    labels: tuple[str, ...]
    height: int | None
    width: int | None
    fit: str | None
    provenance: Mapping[str, Any]
    models: tuple[ModelDescription, ...]
    lacking: str = ""


def describe(path: Path, foreign: Foreign | None = None) -> Description:
    """Opens a bundle or a model file and describes it; `foreign` is what a file from elsewhere does not say of itself.

    Raises:
        InputRefused: damaged, or neither.
        MachineError: the interpreter of a lone model file is not installed.
    """
    if not os.path.isdir(path):
        return _file(path, foreign)
    bundle = Bundle.open(path)
    exported = bundle.exported()
    measured = read_measured(path)
    models = tuple(_artifact(bundle, artifact, measured.get(artifact.file, {})) for artifact in exported)
    return _description(path, "bundle", bundle.id, bundle.manifest, models)


def _artifact(bundle: Bundle, artifact: Artifact, measured: Mapping[str, float]) -> ModelDescription:
    content = bundle.read(artifact)
    backend, lacking = None, ""
    try:
        backend = load_backend(bundle.path / artifact.file, content, 1)
        open_ours(bundle.path / artifact.file, backend, bundle.manifest)
    except MachineError as error:
        lacking = error.reason
    return _model(artifact.file, artifact.format, artifact.precision, content, backend, lacking, measured)


def _file(path: Path, foreign: Foreign | None) -> Description:
    content = read_model_file(path)
    backend = load_backend(path, content, 1)
    identity = digest(content)[:ID_LENGTH]
    models = (_model(path.name, path.suffix[1:], None, content, backend, "", {}),)
    if EMBEDDED_MANIFEST in backend.metadata:
        manifest, _ = open_ours(path, backend)
        return _description(path, "model file", identity, manifest, models)
    try:
        manifest, _ = open_foreign(path, content, backend, foreign or Foreign())
    except InputRefused as refusal:
        return Description(str(path), "foreign model file", identity, path.stem, (), None, None, None, {}, models, refusal.reason)
    return _description(path, "foreign model file", identity, manifest, models)


def _description(path: Path, kind: str, identity: str, manifest: Manifest, models: tuple[ModelDescription, ...]) -> Description:
    shape = manifest.preprocessing
    found = (manifest.name, manifest.labels, shape.height, shape.width, shape.fit, manifest.provenance)
    return Description(str(path), kind, identity, *found, models)


def _model(
    file: str, kind: str, precision: str | None, content: bytes, backend: Backend | None, lacking: str, measured: Mapping[str, float]
) -> ModelDescription:
    taken, given = (_tensor(backend.input), _tensor(backend.output)) if backend else (None, None)
    return ModelDescription(file, kind, precision, len(content), digest(content), taken, given, lacking, measured)


def _tensor(tensor: Tensor) -> TensorDescription:
    scale, zero_point = tensor.quantization or (None, None)
    return TensorDescription(np.dtype(tensor.dtype).name, tensor.shape, scale, zero_point)
