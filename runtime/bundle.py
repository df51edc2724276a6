"""A bundle: the folder that goes to the device.

manifest.json        runtime.manifest
model.int8.tflite    one file per format and precision, each with the same manifest inside
labels.txt           one label a line, for other tools
golden/              held-out pictures and what they gave on the workstation (runtime.golden, runtime.verification)
report.html          what the parity gate measured, for people
parity.json          the same for programs, by model file
calibration.json     which pictures the ranges of integer artifacts come from
README.md            the same in short, as a Hugging Face model card
"""

import os
from pathlib import Path
from typing import NamedTuple

from runtime.backends import BACKENDS
from runtime.digest import digest
from runtime.errors import InputRefused
from runtime.manifest import Artifact, Manifest
from runtime.model_file import read_model_file
from runtime.records import read_text

MANIFEST = "manifest.json"
RECOMMENDED = "recommended.json"
LABELS, REPORT, PARITY, CALIBRATION, CARD = "labels.txt", "report.html", "parity.json", "calibration.json", "README.md"
ID_LENGTH = 12


class Bundle(NamedTuple):
    """An opened bundle folder: its manifest was read and checked, its model files not yet."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Reads the manifest of the bundle at `path`.

        Raises:
            InputRefused: no such folder, no manifest in it, or one that does not hold up.
        """
        if not os.path.isdir(path):
            raise InputRefused(str(path), "not a folder" if os.path.exists(path) else "no such folder")
        return cls(path, Manifest.from_json(read_text(path / MANIFEST, "not a bundle or run folder"), str(path / MANIFEST)))

    @property
    def id(self) -> str:
        """12 hex digits that stand for model files, labels and preprocessing at once: the start of manifest.json's sha256."""
        return digest(self.manifest.to_json().encode())[:ID_LENGTH]

    def exported(self) -> tuple[Artifact, ...]:
        """Its model files that an interpreter is for, at least one: not the Keras model of a run folder.

        Raises:
            InputRefused: it has none, as a run folder.
        """
        found = tuple(artifact for artifact in self.manifest.artifacts if f".{artifact.format}" in BACKENDS)
        if found:
            return found
        inside = self.path / "bundle"
        hint = f"they are in {inside}" if (inside / MANIFEST).is_file() else "make one with: python -m export tflite RUN"
        raise InputRefused(str(self.path), f"holds no exported model; {hint}")

    def read(self, artifact: Artifact) -> bytes:
        """The content of a model file, checked against the manifest's sha256.

        Raises:
            InputRefused: missing, or not the bytes that were exported.
        """
        path = self.path / artifact.file
        content = read_model_file(path)
        if digest(content) != artifact.sha256:
            raise InputRefused(str(path), "its sha256 differs from the manifest's: changed or damaged since export; copy the bundle again")
        return content
