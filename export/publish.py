"""Writes a bundle: adds new artifacts to those of the same trained model, in one step."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.emulation.devices import Device
from export.inputs.trained_run import TrainedRun
from export.parity.artifact_record import ArtifactRecord, read_records, write_records
from export.parity.device_check import record_device_scores
from export.parity.evaluate import Reference
from export.parity.golden_images import record_scores, write_golden_images
from export.parity.similarity_sample import SimilaritySample
from export.quantization.calibration_record import CalibrationSets, read_sets, write_sets
from runtime.bundles.bundle import CARD, CRC32, LABELS, MANIFEST, PARITY, REPORT, Bundle
from runtime.bundles.examples import (
    MAX_EXAMPLES,
    Example,
    Examples,
    make_sheet,
    quantize_features,
    read_examples,
    write_examples,
)
from runtime.bundles.golden_images import FOLDER, read_golden
from runtime.bundles.integrity import KEY, records_digest
from runtime.classifier import Classifier
from runtime.deployment.export_time import EXPORTED
from runtime.deployment.replacement_check import AGAINST, REPLACES
from runtime.errors import InputRefused
from runtime.models.labels import labels_file_text
from runtime.models.manifest import Artifact, Manifest
from runtime.system.atomic_files import locked, new_folder, require_writable_folder
from runtime.system.hashing import crc32_of
from runtime.system.lazy_loading import requires_extra
from runtime.system.provenance import utc_now
from workstation.run_folder import MODEL

COMPARED = (REPLACES, "images", "drop", "drop_low", "drop_high", "better", "worse")
"""What the manifest has of a comparison with the old bundle; parity.json has the rest."""


def require_writable_target(path: Path, source: Path) -> None:
    """Refuses, before the long work, a path where no bundle can be written.

    Raises:
        InputRefused: `path` is the model itself, a link to nothing, or lies below a file.
        MachineError: the folder of `path` is not writable.
    """
    if os.path.realpath(path) == os.path.realpath(source):
        raise InputRefused(str(path), "is the model itself; choose another -o")
    if path.is_symlink() and not path.exists():
        raise InputRefused(
            str(path),
            f"is a link to {os.readlink(path)}, which does not exist; remove the link, or choose"
            " another -o",
        )
    if path.exists() and not path.is_dir():
        raise InputRefused(str(path), "is a file, but a bundle is a folder; choose another -o")
    require_writable_folder(path)


def open_bundle(
    path: Path, run: TrainedRun, *, overwrite: bool
) -> tuple[Manifest | None, dict[str, ArtifactRecord]]:
    """Returns manifest and records of the bundle at `path`, if it is of the same trained model.

    Returns (None, {}) if there is no bundle, or if one is to be replaced.

    Raises:
        InputRefused: `path` holds something else, and `overwrite` is not set or does not help.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None, {}
    try:
        manifest = Bundle.open(path).manifest
        if manifest.provenance.get("model_sha256") != run.model_sha256:
            raise InputRefused(str(path), "holds the bundle of another trained model")
        records = read_records(path)
        if manifest.provenance.get(KEY) != records_digest(path):
            raise InputRefused(str(path), "its records were changed since they were written")
        read_sets(path)
    except InputRefused as refusal:
        if overwrite and _is_bundle(path):
            return None, {}
        remedy = "use another -o" if overwrite else "use --overwrite or another -o"
        if not _is_bundle(path):
            remedy = "--overwrite replaces only a bundle; move the folder away, or use another -o"
        raise InputRefused(str(path), f"{refusal.reason}; {remedy}") from refusal
    return manifest, records


def require_replaceable(path: Path, *, overwrite: bool) -> None:
    """Refuses a path that is taken, unless a bundle is there that may be replaced.

    Raises:
        InputRefused: `path` holds something else, or `overwrite` is not set.
    """
    if not path.exists() or not any(path.iterdir()) or (overwrite and _is_bundle(path)):
        return
    remedy = "--overwrite replaces only a bundle; use another -o"
    if _is_bundle(path):
        remedy = "use --overwrite or another -o"
    raise InputRefused(str(path), f"is there already; {remedy}")


def _is_bundle(path: Path) -> bool:
    """Whether `path` holds what `publish` writes and nothing of a run, so it may be replaced."""
    parts = (MANIFEST, PARITY, LABELS)
    return all((path / part).exists() for part in parts) and not (path / MODEL).exists()


@dataclass(frozen=True)
class ConvertedArtifact:
    """A compared model file: its row in the manifest, its content and its record.

    features: (n, size) of the training images that travel as examples; None without any.
    """

    row: Artifact
    content: bytes
    record: ArtifactRecord
    features: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class BundleUpdate:
    """Everything that `publish` adds to a bundle.

    artifacts: those that passed. reference, seed: the Keras model's scores and the seed of the
    choice, for the golden images. sets: the calibration sets that `artifacts` used.
    devices: on which the golden images are repeated. sample: has the training images that travel
    with the bundle; None leaves them out.
    """

    run: TrainedRun
    artifacts: Sequence[ConvertedArtifact]
    reference: Reference
    seed: int
    sets: CalibrationSets
    devices: Sequence[Device] = ()
    sample: SimilaritySample | None = None


def publish(path: Path, update: BundleUpdate, *, overwrite: bool) -> None:
    """Writes the bundle at `path` in one step: the artifacts it has already, and the new ones.

    Two processes wait for each other, so neither loses what the other published.

    Raises:
        InputRefused: `path` holds something else, and `overwrite` is not set.
        MachineError: the bundle cannot be written; what was there is unchanged.
    """
    run = update.run
    with locked(path.parent), new_folder(path) as folder:
        manifest, old_records = open_bundle(path, run, overwrite=overwrite)
        new = {artifact.row.file: artifact for artifact in update.artifacts}
        old_rows = manifest.artifacts if manifest else ()
        kept = [row for row in old_rows if row.file not in new]
        for row in kept:
            (folder / row.file).write_bytes(Bundle.open(path).read(row))
        for file, artifact in new.items():
            (folder / file).write_bytes(artifact.content)
        _write_golden(folder, path if manifest else None, update)
        _write_examples(folder, path if manifest else None, update, {row.sha256 for row in kept})

        records = {row.file: old_records[row.file] for row in kept}
        records |= {file: artifact.record for file, artifact in new.items()}
        records = dict(sorted(records.items()))
        sets = (read_sets(path) if manifest else {}) | dict(update.sets)
        _write_text(folder / LABELS, labels_file_text(run.manifest.labels))
        write_records(folder, records)
        write_sets(folder, sets, records)
        models = {file: folder / file for file in records}
        _write_text(folder / REPORT, render_report(run, records, sets, models))
        _write_text(folder / CARD, render_card(run, records, sets))
        rows = sorted(
            [*kept, *(artifact.row for artifact in new.values())], key=lambda row: row.file
        )
        finished = bundle_manifest(run, tuple(rows))
        stamps: dict[str, Any] = {
            KEY: records_digest(folder),
            EXPORTED: utc_now(),
            CRC32: {row.file: crc32_of((folder / row.file).read_bytes()) for row in rows},
        }
        if against := {
            file: {name: getattr(record.against, name) for name in COMPARED}
            for file, record in records.items()
            if record.against
        }:
            stamps[AGAINST] = against
        finished = replace(finished, provenance={**finished.provenance, **stamps})
        (folder / MANIFEST).write_text(finished.to_json())


def _write_examples(folder: Path, old: Path | None, update: BundleUpdate, kept: set[str]) -> None:
    """Writes the training images with their features in each model file that has them.

    Those of the files that are kept stay if they are of the same images.
    """
    sample = update.sample
    if sample is None:
        return
    labels = update.run.manifest.labels
    rows = list(zip(sample.paths, sample.truth.tolist(), strict=True))[:MAX_EXAMPLES]
    images = tuple(Example(path, labels[index]) for path, index in rows)
    features = {
        artifact.row.sha256: quantize_features(artifact.features)
        for artifact in update.artifacts
        if artifact.features is not None
    }
    before = read_examples(old) if old else None
    if before and before.images == images:
        features |= {key: rows for key, rows in before.features.items() if key in kept}
    if features:
        sheet = make_sheet(sample.pixels[: len(images)])
        write_examples(folder, Examples(images, sheet, features))


def _write_golden(folder: Path, old: Path | None, update: BundleUpdate) -> None:
    """Writes the golden images, those of the old bundle if there is one, with all new scores."""
    if old:
        shutil.copytree(old / FOLDER, folder / FOLDER)
        golden_images = read_golden(folder)
    else:
        golden_images = write_golden_images(folder, update.run, update.reference, update.seed)
    hashes = {artifact.row.file: artifact.row.sha256 for artifact in update.artifacts}
    record_scores(
        folder, golden_images, [Classifier(folder / file, checked=True) for file in hashes]
    )
    record_device_scores(folder, golden_images, hashes, update.devices)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8", "backslashreplace")


def render_report(
    run: TrainedRun,
    records: Mapping[str, ArtifactRecord],
    sets: CalibrationSets,
    models: Mapping[str, Path],
) -> str:
    """Returns the text of report.html; see `export.report.report.render`."""
    with requires_extra("export"):
        from export.report.report import render
    return render(run, records, sets, models)


def render_card(
    run: TrainedRun, records: Mapping[str, ArtifactRecord], sets: CalibrationSets
) -> str:
    """Returns the text of the bundle's README.md."""
    with requires_extra("export"):
        from export.report.model_card import model_card
    return model_card(run, records, sets)


def bundle_manifest(run: TrainedRun, artifacts: tuple[Artifact, ...] = ()) -> Manifest:
    """Returns the bundle's manifest, or without artifacts the one inside each model file.

    It names no folder of this machine.
    """
    results = run.manifest.provenance.get("results", {})
    provenance = {
        "model_sha256": run.model_sha256,
        "keras_test_accuracy": results.get("test_accuracy"),
        "versions": run.manifest.provenance.get("versions"),
    }
    return Manifest(
        run.manifest.name, run.manifest.labels, run.manifest.preprocessing, artifacts, provenance
    )
