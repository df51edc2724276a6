"""Describes a bundle or a model file, for people and programs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.base import EMBEDDED_MANIFEST, load_backend
from runtime.bundles.bundle import ID_LENGTH, Bundle
from runtime.bundles.contents import check_labels_file
from runtime.bundles.parity_record import read_parity_record
from runtime.errors import InputRefused, MachineError
from runtime.file_formats.read_model_file import read_model_file
from runtime.file_formats.tensors import Tensor
from runtime.images.preprocessing import Fit
from runtime.images.region import Region
from runtime.models.external_model import open_external
from runtime.models.first_load.first_load import require_first_load
from runtime.models.manifest import Artifact, Manifest
from runtime.models.model_spec import ModelSpec
from runtime.models.quince_model import open_bundled_model, open_quince_model
from runtime.system.hashing import sha256_of


@dataclass(frozen=True)
class TensorDescription:
    """Describes an input or output.

    shape: None for a size that is left open. scale, zero_point: None unless it is quantized.
    """

    dtype: str
    shape: tuple[int | None, ...]
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class ModelDescription:
    """Describes a model file.

    lacking: why input and output are not known here. measured: what export measured of it, if that
    is recorded.
    """

    artifact: str
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
    """Describes a classifier with its labels and preprocessing.

    model: the path of it. model_kind: "bundle", "model file" or "external model file". Labels and
    preprocessing of the last may be unknown; `lacking` then says why. bundle_id, bundle_name: of a
    model file alone, the start of its sha256, and the name in it or its own.
    """

    model: str
    model_kind: str
    bundle_id: str
    bundle_name: str
    labels: tuple[str, ...]
    height: int | None
    width: int | None
    fit: Fit | None
    grey16_range: tuple[int, ...] | None
    region: Region | None
    provenance: Mapping[str, Any]
    artifacts: tuple[ModelDescription, ...]
    lacking: str = ""


def describe_model(path: Path, spec: ModelSpec | None = None) -> Description:
    """Opens a bundle or a model file and describes it.

    `spec` states what a file from elsewhere does not state itself.

    Raises:
        InputRefused: the file is damaged, or is neither.
        MachineError: the interpreter of a lone model file is not installed.
    """
    if not os.path.isdir(path):
        return _describe_file(path, spec)
    bundle = Bundle.open(path)
    artifacts = bundle.exported()
    check_labels_file(bundle)
    figures = read_parity_record(path)
    models = tuple(
        _describe_artifact(bundle, artifact, figures.get(artifact.file, {}))
        for artifact in artifacts
    )
    return _description(path, "bundle", bundle.id, bundle.manifest, models)


def _describe_artifact(
    bundle: Bundle, artifact: Artifact, measured: Mapping[str, float]
) -> ModelDescription:
    content = bundle.read(artifact)
    backend, lacking = None, ""
    try:
        backend = load_backend(bundle.path / artifact.file, content, 1)
        open_bundled_model(bundle.path / artifact.file, content, backend, bundle.manifest)
    except MachineError as error:
        lacking = error.reason
    return ModelDescription(
        artifact=artifact.file,
        format=artifact.format,
        precision=artifact.precision,
        size_bytes=len(content),
        sha256=sha256_of(content),
        input=_describe_tensor(backend.input) if backend else None,
        output=_describe_tensor(backend.output) if backend else None,
        lacking=lacking,
        measured=measured,
    )


def _describe_file(path: Path, spec: ModelSpec | None) -> Description:
    content = read_model_file(path)
    sha256 = sha256_of(content)
    require_first_load(path, sha256, spec)
    backend = load_backend(path, content, 1)
    model = ModelDescription(
        artifact=path.name,
        format=path.suffix[1:],
        precision=None,
        size_bytes=len(content),
        sha256=sha256,
        input=_describe_tensor(backend.input),
        output=_describe_tensor(backend.output),
        lacking="",
        measured={},
    )
    model_id = sha256[:ID_LENGTH]
    if EMBEDDED_MANIFEST in backend.metadata:
        manifest, _ = open_quince_model(path, backend)
        return _description(path, "model file", model_id, manifest, (model,))
    try:
        manifest, _, remark = open_external(path, content, backend, spec)
    except InputRefused as refusal:
        return Description(
            model=str(path),
            model_kind="external model file",
            bundle_id=model_id,
            bundle_name=path.stem,
            labels=(),
            height=None,
            width=None,
            fit=None,
            grey16_range=None,
            region=None,
            provenance={},
            artifacts=(model,),
            lacking=refusal.reason,
        )
    if remark:
        manifest = replace(manifest, provenance={"remark": remark})
    return _description(path, "external model file", model_id, manifest, (model,))


def _description(
    path: Path, kind: str, model_id: str, manifest: Manifest, models: tuple[ModelDescription, ...]
) -> Description:
    return Description(
        model=str(path),
        model_kind=kind,
        bundle_id=model_id,
        bundle_name=manifest.name,
        labels=manifest.labels,
        height=manifest.preprocessing.height,
        width=manifest.preprocessing.width,
        fit=manifest.preprocessing.fit,
        grey16_range=manifest.preprocessing.grey16,
        region=manifest.preprocessing.region,
        provenance=manifest.provenance,
        artifacts=models,
    )


def _describe_tensor(tensor: Tensor) -> TensorDescription:
    scale, zero_point = tensor.quantization or (None, None)
    return TensorDescription(np.dtype(tensor.dtype).name, tensor.shape, scale, zero_point)
