"""Defines manifest.json, the contract between workstation and device.

It is in a run folder, in a bundle and inside every model file.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from runtime.errors import InputRefused, naming
from runtime.images.preprocessing import Preprocessing
from runtime.models.confidence import Confidence
from runtime.system.json_records import (
    MAX_NAME_LENGTH,
    REQUIRED,
    Name,
    Sha256,
    expect_list,
    expect_names,
    expect_sha256,
    expect_text,
    from_json_object,
    parse_json,
    rename_old_keys,
)

if TYPE_CHECKING:
    from runtime.models.adopted_spec import AdoptedSpec

SCHEMA = 2
"""Schema 1, which called an image a picture, is still read."""
FILE_PATTERN = r"[\w][\w.+-]{0,200}"
"""The pattern of a file name without a folder."""
FORMAT_PATTERN = "[a-z0-9_]{1,20}"
PRECISIONS = ("fp32", "fp16", "int8", "mixed", "dynamic", "int16x8")


@dataclass(frozen=True)
class Artifact:
    """Describes one model file of a bundle.

    file: its name in the bundle, without a folder. format: the suffix of that name: "tflite",
    "onnx" or "keras". sha256: of its content, 64 hex digits.
    """

    file: Annotated[str, {"pattern": f"^{FILE_PATTERN}$"}]
    format: Annotated[str, {"pattern": f"^{FORMAT_PATTERN}$"}]
    precision: Annotated[str, {"enum": PRECISIONS}]
    sha256: Sha256

    def __post_init__(self) -> None:
        expect_text(self, "file")
        expect_names(self, "format", "precision")
        expect_sha256(self, "sha256")
        if not re.fullmatch(FILE_PATTERN, self.file):
            raise InputRefused(
                "manifest",
                f"expected artifact.file to be a plain file name, found {self.file[:50]!r}",
            )
        suffix = self.file.rpartition(".")[2]
        if self.format != suffix or not re.fullmatch(FORMAT_PATTERN, self.format):
            raise InputRefused(
                "manifest",
                f"expected artifact.format to be the suffix of {self.file},"
                f" found {self.format[:50]!r}",
            )
        if self.precision not in PRECISIONS:
            raise InputRefused(
                "manifest",
                f"expected artifact.precision to be one of {', '.join(PRECISIONS)},"
                f" found {self.precision[:50]!r}",
            )


@dataclass(frozen=True)
class Manifest:
    """Holds everything about a model except its weights.

    labels: class names in output order; a single one if the model only tells that class from all
        else, by its similarity. provenance: where the model came from.
    confidence: of the model file that this manifest is inside; a bundle's own manifest has none,
        unless it holds an adopted file.
    adopted: how to feed and read the model file of a bundle that Quince did not make.
    """

    name: Name
    labels: Annotated[tuple[Name, ...], {"minItems": 1, "uniqueItems": True}]
    preprocessing: Preprocessing
    artifacts: tuple[Artifact, ...] = field(default=(), metadata=REQUIRED)
    provenance: Mapping[str, Any] = field(default_factory=dict, metadata=REQUIRED)
    schema: Annotated[int, {"const": SCHEMA}] = field(default=SCHEMA, metadata=REQUIRED)
    confidence: Confidence | None = None
    adopted: "AdoptedSpec | None" = None

    def __post_init__(self) -> None:
        expect_names(self, "name")
        if type(self.schema) is not int or self.schema != SCHEMA:
            raise InputRefused(
                "manifest",
                f"expected schema {SCHEMA}, found {str(self.schema)[:50]};"
                " it is from another version of Quince",
            )
        if not isinstance(self.provenance, Mapping):
            raise InputRefused(
                "manifest",
                f"expected provenance to be an object, found {type(self.provenance).__name__}",
            )
        for label in self.labels:
            if not isinstance(label, str) or not 0 < len(label) <= MAX_NAME_LENGTH or "\0" in label:
                raise InputRefused(
                    "manifest",
                    f"expected labels of 1 to {MAX_NAME_LENGTH} characters without NUL,"
                    f" found {str(label)[:50]!r}",
                )
        if not self.labels or len(set(self.labels)) < len(self.labels):
            raise InputRefused(
                "manifest", f"expected at least 1 label, all different, found {len(self.labels)}"
            )
        files = [artifact.file for artifact in self.artifacts]
        if len(set(files)) < len(files):
            raise InputRefused("manifest", "names one artifact file twice")

    def to_json(self) -> str:
        """Returns the text of manifest.json."""
        fields = asdict(self)
        for name in ("confidence", "adopted"):
            if fields[name] is None:
                del fields[name]
        if self.preprocessing.channels == 3:  # so that readers from before grey models accept it
            del fields["preprocessing"]["channels"]
        for name in ("grey16", "region"):
            if fields["preprocessing"][name] is None:
                del fields["preprocessing"][name]
        return json.dumps(fields, indent=2, ensure_ascii=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, thing: str) -> "Manifest":
        """Reads what `to_json` wrote; errors call it `thing`.

        Raises:
            InputRefused: this is not JSON, a field is missing, unknown or of the wrong type, or the
                schema is another.
        """
        with naming(thing, "not a usable manifest: {}"):
            data = parse_json(text)
            if isinstance(data, dict):
                _upgrade(data)
                data["preprocessing"] = from_json_object(Preprocessing, data.get("preprocessing"))
                data["labels"] = tuple(expect_list("labels", data.get("labels")))
                data["artifacts"] = tuple(
                    from_json_object(Artifact, artifact)
                    for artifact in expect_list("artifacts", data.get("artifacts"))
                )
                if data.get("confidence") is not None:
                    data["confidence"] = from_json_object(Confidence, data["confidence"])
                if data.get("adopted") is not None:
                    # Imported here, because few bundles need it.
                    from runtime.models.adopted_spec import AdoptedSpec
                    from runtime.system.typed_json import read_as

                    spec = rename_old_keys(data["adopted"], {"channels": "channel_order"})
                    data["adopted"] = read_as(AdoptedSpec, spec, "adopted")
            return from_json_object(cls, data)


def _upgrade(data: dict[str, Any]) -> None:
    """Turns a manifest of schema 1 into one of schema 2, in place."""
    schema = data.get("schema")
    if type(schema) is not int or schema != 1:
        return
    data["schema"] = SCHEMA
    if "confidence" in data:
        data["confidence"] = rename_old_keys(data["confidence"])
    if isinstance(provenance := data.get("provenance"), dict):
        data["provenance"] = rename_old_keys(provenance)
        if "results" in provenance:
            data["provenance"]["results"] = rename_old_keys(provenance["results"])
