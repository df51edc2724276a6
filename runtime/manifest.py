"""The contract between workstation and device: what manifest.json says, in a run folder, a bundle and every model file."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from runtime.confidence import Confidence
from runtime.errors import InputRefused
from runtime.preprocess import Preprocessing
from runtime.records import build, expect_list, expect_text, parse_json

SCHEMA = 1
MAX_LABEL_LENGTH = 1000


@dataclass(frozen=True)
class Artifact:
    """One model file: its plain name in the bundle, "tflite", "onnx" or "keras", its precision and its content's sha256."""

    file: str
    format: str
    precision: str
    sha256: str

    def __post_init__(self) -> None:
        expect_text(self, "file", "format", "precision", "sha256")
        if not re.fullmatch(r"[\w][\w.+-]{0,200}", self.file):
            raise InputRefused("manifest", f"expected artifact.file to be a plain file name, found {self.file!r}")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise InputRefused("manifest", f"expected artifact.sha256 to be 64 hex digits, found {self.sha256!r}")


@dataclass(frozen=True)
class Manifest:
    """Everything but the weights: class names in output order, how a picture becomes pixels, the files, where it came from.

    confidence: of the model file that this manifest is inside; a bundle's own manifest has none.
    """

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    artifacts: tuple[Artifact, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA
    confidence: Confidence | None = None

    def __post_init__(self) -> None:
        expect_text(self, "name")
        if type(self.schema) is not int or self.schema != SCHEMA:
            raise InputRefused("manifest", f"expected schema {SCHEMA}, found {self.schema!r}; it is from another version of Quince")
        if not isinstance(self.provenance, Mapping):
            raise InputRefused("manifest", f"expected provenance to be an object, found {type(self.provenance).__name__}")
        for label in self.labels:
            if not isinstance(label, str) or not 0 < len(label) <= MAX_LABEL_LENGTH:
                raise InputRefused("manifest", f"expected labels of 1 to {MAX_LABEL_LENGTH} characters, found {str(label)[:50]!r}")
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise InputRefused("manifest", f"expected at least 2 labels, all different, found {len(self.labels)}")
        files = [artifact.file for artifact in self.artifacts]
        if len(set(files)) < len(files):
            raise InputRefused("manifest", "names one artifact file twice")

    def to_json(self) -> str:
        """The text of manifest.json."""
        fields = asdict(self)
        if self.confidence is None:
            del fields["confidence"]
        return json.dumps(fields, indent=2, ensure_ascii=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, thing: str) -> "Manifest":
        """Reads what `to_json` wrote; `thing` is what an error names.

        Raises:
            InputRefused: not JSON, a field missing, unknown or of the wrong type, another schema.
        """
        try:
            data = parse_json(text)
            if isinstance(data, dict):
                data["preprocessing"] = build(Preprocessing, data.get("preprocessing"))
                data["labels"] = tuple(expect_list("labels", data.get("labels")))
                data["artifacts"] = tuple(build(Artifact, artifact) for artifact in expect_list("artifacts", data.get("artifacts")))
                if data.get("confidence") is not None:
                    data["confidence"] = build(Confidence, data["confidence"])
            return build(cls, data)
        except InputRefused as refusal:
            raise InputRefused(thing, f"not a usable manifest: {refusal.reason}") from refusal
