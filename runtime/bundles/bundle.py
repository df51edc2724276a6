"""Opens a bundle, the folder that goes to the device.

manifest.json        see runtime.models.manifest
model.int8.tflite    one file per format and precision, each with the same manifest inside
labels.txt           one label a line, for other tools; with an index before each label if labels
                     such as "1 person" could be taken for an index and a name
golden/              held-out images and their scores on the workstation
                     (runtime.bundles.golden_images, runtime.deployment.verification)
report.html          what the parity gate measured, for people
parity.json          the same for programs, by model file
calibration.json     which images the ranges of integer artifacts come from
README.md            the same in short, as a Hugging Face model card
examples.zip         thumbnails of training images (runtime.bundles.examples)
signed.json          the hashes of all these files, and in signed.json.sig their signature
                     (runtime.deployment.signature)
recommended.json     what `python -m benchmarks recommend` measured on a device

Any other file is refused, apart from names that begin with a dot, which file managers, git and
download tools leave, and what Windows leaves.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from runtime.backends.base import BACKENDS
from runtime.errors import InputRefused
from runtime.file_formats.read_model_file import read_model_file
from runtime.models.manifest import Artifact, Manifest
from runtime.sources.paths import FILE_MANAGER_NAMES
from runtime.system.hashing import crc32_of, sha256_of
from runtime.system.json_records import read_text

MANIFEST = "manifest.json"
RECOMMENDED = "recommended.json"
LABELS = "labels.txt"
REPORT = "report.html"
PARITY = "parity.json"
CALIBRATION = "calibration.json"
CARD = "README.md"
GOLDEN = "golden"
EXAMPLES = "examples.zip"
SIGNED, SIGNATURE = "signed.json", "signed.json.sig"
FILES = (
    *(MANIFEST, RECOMMENDED, LABELS, REPORT, PARITY, CALIBRATION, CARD, GOLDEN, EXAMPLES),
    *(SIGNED, SIGNATURE),
)
"""What a bundle may hold beside its model files."""
ID_LENGTH = 12
CRC32 = "crc32"
"""The key of the model files' CRC-32s in the manifest's provenance, which older readers accept."""


class Bundle(NamedTuple):
    """Holds an opened bundle folder; its manifest is checked, its model files are not yet."""

    path: Path
    manifest: Manifest
    manifest_sha256: str

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Reads the manifest of the bundle at `path`.

        Raises:
            InputRefused: there is no such folder, or no valid manifest in it.
        """
        if not os.path.isdir(path):
            reason = "not a folder" if os.path.exists(path) else "no such folder"
            raise InputRefused(str(path), reason)
        text = read_text(path / MANIFEST, "not a bundle or run folder")
        manifest = Manifest.from_json(text, str(path / MANIFEST))
        return cls(path, manifest, sha256_of(text.encode()))

    @property
    def id(self) -> str:
        """Returns the first 12 hex digits of manifest.json's sha256.

        They identify the model files, labels and preprocessing together.
        """
        return self.manifest_sha256[:ID_LENGTH]

    def exported(self) -> tuple[Artifact, ...]:
        """Returns its model files that have an interpreter, at least one.

        Raises:
            InputRefused: it has none, as a run folder with its Keras model; or it holds a file that
                no bundle has and the manifest does not name.
        """
        artifacts = tuple(
            artifact for artifact in self.manifest.artifacts if f".{artifact.format}" in BACKENDS
        )
        if artifacts:
            names = (artifact.file for artifact in self.manifest.artifacts)
            refuse_unlisted(self.path, {*FILES, *names})
            return artifacts
        inner = self.path / "bundle"
        hint = "make one with: python -m export tflite RUN"
        if (inner / MANIFEST).is_file():
            hint = f"they are in {inner}"
        raise InputRefused(str(self.path), f"holds no exported model; {hint}")

    def read(self, artifact: Artifact, *, at_start: bool = False) -> bytes:
        """Returns the content of a model file, checked against the manifest's sha256.

        `at_start` checks its CRC-32 instead, if the manifest has one: that finds damage, too, and
        spares each start the loading of OpenSSL.

        Raises:
            InputRefused: the file is missing, or not the bytes that were exported.
        """
        path = self.path / artifact.file
        content = read_model_file(path)
        expected = self._crc32(artifact) if at_start else ""
        if expected:
            checksum, is_same = "CRC-32", crc32_of(content) == expected
        else:
            checksum, is_same = "sha256", sha256_of(content) == artifact.sha256
        if not is_same:
            raise InputRefused(
                str(path),
                f"its {checksum} differs from the manifest's: changed or damaged since export;"
                " copy the bundle again",
            )
        return content

    def _crc32(self, artifact: Artifact) -> str:
        """Returns the CRC-32 that export wrote, or "" if this manifest has none."""
        checksums = self.manifest.provenance.get(CRC32)
        value = checksums.get(artifact.file) if isinstance(checksums, dict) else None
        return value if isinstance(value, str) else ""


def refuse_unlisted(folder: Path, listed: Collection[str]) -> None:
    """Raises InputRefused if `folder` holds a name that is not `listed`; a missing folder is empty.

    Names that begin with a dot and what Windows leaves are allowed; nothing reads or copies them.
    """
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for name in sorted(names):
        if name not in listed and name[0] != "." and name.lower() not in FILE_MANAGER_NAMES:
            raise InputRefused(
                str(folder / name),
                "no part of the bundle; remove it, or copy the bundle into an empty folder",
            )
