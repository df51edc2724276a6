"""Defines the record of one artifact in parity.json, and reads and writes that file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from export.formats.artifact_spec import ArtifactSpec
from export.formats.layer_error import LayerError
from export.inputs.trained_run import KERAS
from export.parity.class_findings import ClassFinding
from export.parity.gate import GateOutcome, ParityLimits
from export.parity.latency import Latency
from runtime.bundles.bundle import PARITY
from runtime.errors import InputRefused
from runtime.models.confidence import Confidence
from runtime.shared.parity import ParityFigures, ParityReport
from runtime.system.json_records import parse_json, read_text, rename_nested
from runtime.system.typed_json import read_as
from workstation.similarity.measure import SimilarityRecord

SCHEMA = 7
OLD_KEYS = {
    "": {"bytes": "size_bytes", "calibration": "calibration_id"}
    | {"classes": "class_findings", "similarity": "similarity_figures"},
    "made_by": {"calibration": "calibration_images", "source": "code_sha256"}
    | {"devices": "device_images", "against": "against_id"},
    "latency": {"runs": "calls", "cpu": "cpu_model"},
    "ladder": {"bytes": "size_bytes", "file": "artifact"},
    "against": {"file": "artifact"},
    "layers": {"after": "input_layer", "after_scale": "input_scale"},
    "class_findings": {"unknown": "unknown_images"},
    "similarity_figures": {"classes": "left_out_classes"},
    "flips": {"truth": "label", "reference": "reference_label", "candidate": "candidate_label"},
    "true_scores": {"reference": "reference_scores", "candidate": "candidate_scores"},
}
"""The keys of schemas 5 and 6 in a record, for `rename_nested`."""


@dataclass(frozen=True)
class ArtifactInputs:
    """Everything that an artifact and its comparison depend on: equal inputs give equal artifacts.

    calibration_images: at most in the representative dataset. keep: the fraction of known images
    that the thresholds keep. qat_epochs: at most; 0: none.
    device_images: how many each emulated device classifies at most, by the device's name.
    code_sha256: one SHA-256 over the code of Quince. examples: whether the bundle gets thumbnails
    of training images, with their features. against_id: of the old bundle of --against.
    prefer: what --precision auto chose by.
    """

    calibration_images: int
    limits: ParityLimits
    seed: int
    qat_epochs: int
    keep: float
    device_images: Mapping[str, int]
    model_sha256: str
    images_sha256: str
    code_sha256: str
    spec: ArtifactSpec
    examples: bool = True
    against_id: str = ""
    prefer: str = "size"


@dataclass(frozen=True)
class DeviceParity(ParityFigures):
    """The comparison of one artifact on an emulated device with the same artifact here.

    device: the device in words. versions: of the packages that ran the artifact there, by name.
    agreement_with_keras: part of the images, 0..1, with the same top-1 label as the Keras model.
    """

    device: str
    versions: Mapping[str, str]
    outcome: Literal["passed", "failed"]
    reasons: tuple[str, ...]
    agreement_with_keras: float


@dataclass(frozen=True)
class AgainstBundle(ParityFigures):
    """The comparison of one artifact with the bundle that it is to replace, as the reference.

    Only images of classes that both know are compared.

    artifact: the model file of the old bundle. replaces: identifies the old bundle and those before
    it (runtime.deployment.replacement_check). better, worse: images that became right, and wrong.
    new_images, new_right: test images of classes that the old bundle does not know, and how many
    of them are right. seen: test images that the old bundle is known to have been trained with.
    """

    artifact: str
    replaces: tuple[str, ...]
    better: int
    worse: int
    new_images: int
    new_right: int
    seen: int


@dataclass(frozen=True)
class Attempt:
    """One attempt of `--precision auto`. The figures are None if no model file came of it.

    accuracy, drop: 0..1. ms: median time of one image here, with `threads` interpreter threads.
    """

    name: str
    artifact: str
    outcome: Literal["passed", "undecided", "failed", "not possible"]
    reasons: tuple[str, ...]
    float_layers: tuple[str, ...] = ()
    accuracy: float | None = None
    drop: float | None = None
    size_bytes: int | None = None
    ms: float | None = None
    threads: int | None = None


@dataclass(frozen=True)
class ArtifactRecord:
    """Everything that was measured of one artifact, and how it was made.

    command: as the user typed it. versions: of the packages that made it, by name.
    similarity_figures: None if the file has no similarities. class_findings: what goes wrong in
    each class, the worst first.
    devices: by the device's name. calibration_id: of the set in calibration.json, if any.
    warnings: on that set and on the conversion.
    layers: the most damaged first; empty if they were not measured.
    ladder: all attempts of `--precision auto`, in order; empty without it.
    poor_model: why the Keras model itself is of no use, so only --allow-poor-model published the
        file; empty if it is of use.
    reference: the model that the file was compared with, in a word.
    against: the comparison with the old bundle; None without --against.
    """

    size_bytes: int
    command: str
    versions: Mapping[str, str]
    made_by: ArtifactInputs
    parity: ParityReport
    limits: ParityLimits
    outcome: GateOutcome
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]
    devices: Mapping[str, DeviceParity]
    confidence: Confidence
    similarity_figures: SimilarityRecord | None
    class_findings: tuple[ClassFinding, ...]
    latency: Latency
    calibration_id: str | None
    warnings: tuple[str, ...]
    layers: tuple[LayerError, ...]
    ladder: tuple[Attempt, ...] = ()
    poor_model: str = ""
    reference: str = KERAS
    against: AgainstBundle | None = None

    @property
    def refused(self) -> bool:
        """Whether the gate refused the artifact."""
        return self.outcome == "failed"

    @property
    def refused_on_device(self) -> bool:
        """Whether another processor computes different answers, whatever the precision."""
        return any(device.outcome == "failed" for device in self.devices.values())

    def to_json(self) -> dict[str, Any]:
        """Returns the record as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any, name: str) -> "ArtifactRecord":
        """Returns the record that `to_json` gave; `name` is the artifact's, for errors.

        Raises:
            InputRefused: a field is unknown, missing or of another type.
        """
        record: ArtifactRecord = read_as(cls, data, name)
        return record


def read_records(bundle: Path) -> dict[str, ArtifactRecord]:
    """Returns the records in a bundle's parity.json, by model file.

    Raises:
        InputRefused: the file is missing, damaged, or written by another version of Quince.
    """
    data = parse_json(read_text(bundle / PARITY, "not a bundle"))
    if not isinstance(data, dict) or not isinstance(data.get("artifacts"), dict):
        raise InputRefused(str(bundle / PARITY), "expected an object with schema and artifacts")
    if data.get("schema") not in (5, 6, SCHEMA):
        raise InputRefused(str(bundle), "holds a bundle made by another version of Quince")
    records = data["artifacts"]
    if data["schema"] != SCHEMA:
        records = {file: rename_nested(record, OLD_KEYS) for file, record in records.items()}
    return {file: ArtifactRecord.from_json(record, file) for file, record in records.items()}


def write_records(bundle: Path, records: Mapping[str, ArtifactRecord]) -> None:
    """Writes parity.json into a bundle."""
    artifacts = {file: record.to_json() for file, record in records.items()}
    (bundle / PARITY).write_text(json.dumps({"schema": SCHEMA, "artifacts": artifacts}, indent=1))
