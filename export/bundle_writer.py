"""Writes a bundle: what stands in it already for the same trained model, and new artifacts, published in one step."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.answers import Reference
from export.calibration_file import Sets, read_sets, write_sets
from export.device_check import record_device_scores
from export.emulated.devices import Device
from export.golden_pictures import record_scores, write_golden_pictures
from export.labels_text import labels_text
from export.trained import Run
from runtime.atomic import locked, new_folder
from runtime.bundle import CARD, LABELS, MANIFEST, PARITY, REPORT, Bundle
from runtime.bundle_records import KEY, records_digest
from runtime.classifier import Classifier
from runtime.errors import InputRefused, MachineError
from runtime.golden import FOLDER, read_golden
from runtime.installation import EXPORTED
from runtime.manifest import Artifact, Manifest
from runtime.plugins import Plugin
from runtime.provenance import utc_now
from runtime.records import parse_json, read_text
from runtime.run_folder import MODEL

PARITY_SCHEMA = 3

Records = dict[str, dict[str, Any]]
"""By model file: its size in bytes, what made it, the gate's comparison, limits, reasons and doubts, latency, and calibration set."""


def check_place(path: Path, source: Path) -> None:
    """Refuses, before the long work, a place where no bundle can be written.

    Raises:
        InputRefused: it is the model itself, a link to nothing, or lies below a file.
        MachineError: its folder is not writable.
    """
    if os.path.realpath(path) == os.path.realpath(source):
        raise InputRefused(str(path), "is the model itself; choose another -o")
    if path.is_symlink() and not path.exists():
        raise InputRefused(str(path), f"a link to {os.readlink(path)}, which is not there; remove it, or choose another -o")
    if path.exists() and not path.is_dir():
        raise InputRefused(str(path), "is a file, a bundle is a folder; choose another -o")
    there = next(folder for folder in (*path.absolute().parents, Path("/")) if folder.exists())
    if not there.is_dir():
        raise InputRefused(str(there), "is a file, a folder is needed there; choose another -o")
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise MachineError(str(there), "not writable; choose another -o")


def open_bundle(path: Path, run: Run, *, overwrite: bool) -> tuple[Manifest | None, Records]:
    """The bundle at `path` if it belongs to the same trained model; (None, {}) where there is none, or one to be replaced.

    Raises:
        InputRefused: `path` holds something else and not `overwrite`.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None, {}
    try:
        manifest = Bundle.open(path).manifest
        records = parse_json(read_text(path / PARITY, "not a bundle"))
        read_sets(path)
        if manifest.provenance.get("model_sha256") == run.model_sha256 and records["schema"] == PARITY_SCHEMA:
            if manifest.provenance.get(KEY) != records_digest(path):
                raise InputRefused(str(path), "its records were changed since they were written")
            return manifest, dict(records["artifacts"])
        other = manifest.provenance.get("model_sha256") != run.model_sha256
        reason = "holds the bundle of another trained model" if other else "holds a bundle made by another version of Quince"
    except (InputRefused, KeyError, TypeError) as error:
        reason = f"is there already and is not a bundle ({error})"
    if overwrite and _is_bundle(path):
        return None, {}
    raise InputRefused(str(path), f"{reason}; use {'another -o' if overwrite else '--overwrite or another -o'}")


def _is_bundle(path: Path) -> bool:
    """Whether all that `publish` writes is there, and nothing of a run folder, so that it may be replaced."""
    return all((path / part).exists() for part in (MANIFEST, PARITY, LABELS)) and not (path / MODEL).exists()


@dataclass(frozen=True)
class Made:
    """A model file that passed: its row in the manifest, its bytes, and its record in parity.json."""

    artifact: Artifact
    content: bytes
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Publication:
    """What is put into a bundle: artifacts of a run that passed, and what is written beside them.

    reference, seed: the Keras model, and the seed of the choice, for golden samples. sets: of calibration pictures that `made` used.
    devices: on which the golden samples are repeated.
    """

    run: Run
    made: Sequence[Made]
    reference: Reference
    seed: int
    sets: Sets
    devices: Sequence[Device] = ()


def publish(path: Path, what: Publication, *, overwrite: bool) -> None:
    """Writes the bundle at `path`: what stands in it already for the same trained model, and what is new, in one step.

    Two at once wait for each other, so that neither loses what the other published.

    Raises:
        InputRefused: `path` holds something else and not `overwrite`.
        MachineError: it cannot be written; what was there is unchanged.
    """
    run = what.run
    with locked(path.parent), new_folder(path) as folder:
        old, records = open_bundle(path, run, overwrite=overwrite)
        new = {one.artifact.file: one for one in what.made}
        kept = [one for one in old.artifacts if one.file not in new] if old else []
        records = {one.file: records[one.file] for one in kept} | {file: dict(one.record) for file, one in new.items()}
        records = dict(sorted(records.items()))
        artifacts = tuple(sorted([*kept, *(one.artifact for one in what.made)], key=lambda one: one.file))
        for one in kept:
            (folder / one.file).write_bytes(Bundle(path, run.manifest).read(one))
        for file, fresh in new.items():
            (folder / file).write_bytes(fresh.content)
        if old:
            shutil.copytree(path / FOLDER, folder / FOLDER)
        samples = read_golden(folder) if old else write_golden_pictures(folder, run, what.reference, what.seed)
        record_scores(folder, samples, [Classifier(folder / file) for file in new])
        record_device_scores(folder, samples, {file: fresh.artifact.sha256 for file, fresh in new.items()}, what.devices)
        (folder / LABELS).write_text(labels_text(run.manifest.labels), "utf-8", "backslashreplace")
        (folder / PARITY).write_text(json.dumps({"schema": PARITY_SCHEMA, "artifacts": records}, indent=1))
        sets = (read_sets(path) if old else {}) | dict(what.sets)
        write_sets(folder, sets, records)
        for name, page in ((REPORT, render_report), (CARD, render_card)):
            (folder / name).write_text(page(run, records, sets), "utf-8", "backslashreplace")
        (folder / MANIFEST).write_text(bundle_manifest(run, artifacts, records_digest(folder)).to_json())


def render_report(run: Run, records: Mapping[str, Any], sets: Sets) -> str:
    """The text of report.html for these records and calibration sets."""
    page: str = Plugin("export.report:render", extra="export").load()(run, records, sets)
    return page


def render_card(run: Run, records: Mapping[str, Any], sets: Sets) -> str:
    """The text of README.md for these records and calibration sets."""
    page: str = Plugin("export.model_card:model_card", extra="export").load()(run, records, sets)
    return page


def bundle_manifest(run: Run, artifacts: tuple[Artifact, ...] = (), records_sha256: str = "") -> Manifest:
    """The manifest of the bundle, or with no artifacts the one inside each model file. It names no folder of this machine."""
    results = run.manifest.provenance.get("results", {})
    provenance = {
        "model_sha256": run.model_sha256,
        "keras_test_accuracy": results.get("test_accuracy"),
        "versions": run.manifest.provenance.get("versions"),
    }
    if records_sha256:
        provenance |= {KEY: records_sha256, EXPORTED: utc_now()}
    return Manifest(run.manifest.name, run.manifest.labels, run.manifest.preprocessing, artifacts, provenance)
