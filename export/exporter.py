"""Exports a run: converts it to artifacts and adds those that pass the gate to its bundle."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from export.against import open_old
from export.conversion import artifact_inputs, convert_and_compare
from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from export.inputs.trained_run import TrainedRun
from export.onnx_session import OnnxSession
from export.options import ExportOptions
from export.parity.artifact_record import ArtifactRecord
from export.parity.gate import require_deciding
from export.publish import (
    BundleUpdate,
    ConvertedArtifact,
    open_bundle,
    publish,
    render_report,
    require_writable_target,
)
from export.session import Session
from runtime.bundles.bundle import EXAMPLES, REPORT
from runtime.cli.identity import program_name
from runtime.errors import InputRefused
from runtime.system.atomic_files import write_file
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import require_packages
from runtime.system.terminal import say

EVERY_PRECISION = tuple(
    ArtifactSpec(name, precision) for name, row in FORMATS.items() for precision in row.precisions
)


@dataclass(frozen=True)
class ExportResult:
    """One artifact, its record and the page that shows it. A refused artifact is in no bundle."""

    artifact: str
    bundle: str
    report: str
    record: ArtifactRecord
    reused: bool

    @property
    def refused(self) -> bool:
        """Whether the gate refused the artifact."""
        return self.record.refused


def export(
    run: TrainedRun,
    bundle: Path,
    specs: Sequence[ArtifactSpec],
    options: ExportOptions,
    *,
    overwrite: bool,
) -> list[ExportResult]:
    """Makes the artifacts of a run and adds those that pass the gate to the bundle.

    An artifact that the same command made before is kept as it is.

    Raises:
        InputRefused: an image is gone, or no bundle can be written there.
        CheckFailed: a model answers NaN, or the calibration images are useless.
        MachineError: a package is missing, or the disk is full.
    """
    with open_export(run, bundle, options, overwrite=overwrite) as task:
        specs = [options.with_targets(spec) for spec in specs]
        results = task.reusable(specs)
        missing = [spec for spec in specs if spec.file not in results]
        if missing:
            results |= task.publish_passed(convert_and_compare(task.session, missing))
    return [results[spec.file] for spec in specs]


@contextmanager
def open_export(
    run: TrainedRun, bundle: Path, options: ExportOptions, *, overwrite: bool
) -> Generator["ExportTask", None, None]:
    """Opens a session for export into a bundle; unpublished model files go at the end.

    Raises:
        InputRefused: no bundle can be written there, or the run has no test images.
        CheckFailed: the test images are too few for a strict gate.
        MachineError: a package is missing, or the bundle's folder is not writable.
    """
    require_writable_target(bundle, run.path)
    if not run.is_external:
        _require_outside_images(bundle, run)
    packages = ("onnx", "onnxruntime") if run.onnx else ("tensorflow", "keras")
    require_packages("export", "export", *packages, "jinja2", "matplotlib")
    require_deciding(options.limits, len(run.split("test")), str(run.path))
    if options.against:
        open_old(options.against, run)
    kind = OnnxSession if run.onnx else Session
    with kind(run, options, bundle.parent) as session:
        yield ExportTask(session, bundle, overwrite)


def _require_outside_images(bundle: Path, run: TrainedRun) -> None:
    if Path(os.path.realpath(run.data)) in Path(os.path.realpath(bundle)).parents:
        raise InputRefused(
            str(bundle),
            f"lies in {run.data}, where the next training would take it for a class;"
            " choose another -o",
        )


@dataclass(frozen=True)
class ExportTask:
    """An opened run and the bundle for its artifacts."""

    session: Session
    bundle: Path
    overwrite: bool

    def reusable(self, specs: Sequence[ArtifactSpec]) -> dict[str, ExportResult]:
        """Returns what the same command has put into the bundle before, by model file.

        Raises:
            InputRefused: another command made a file of that name, and `overwrite` is not set.
        """
        made_before = self.made_before()
        _, records = open_bundle(self.bundle, self.session.run, overwrite=self.overwrite)
        results = {}
        for spec in specs:
            result = made_before.get(spec.file)
            if result and result.record.made_by.spec == spec:
                results[spec.file] = result
            elif spec.file in records and not self.overwrite:
                raise InputRefused(
                    str(self.bundle / spec.file),
                    "is there already, made by another command; use --overwrite",
                )
        return results

    def made_before(self) -> dict[str, ExportResult]:
        """Returns what the bundle has of the same model, options and source, of any spec.

        The results are by model file; damaged files are left out.
        """
        manifest, records = open_bundle(self.bundle, self.session.run, overwrite=self.overwrite)
        results = {}
        for artifact in manifest.artifacts if manifest else ():
            record, path = records.get(artifact.file), self.bundle / artifact.file
            if record is None or not path.is_file():
                continue
            same = record.made_by == artifact_inputs(self.session, record.made_by.spec)
            if same and sha256_of(path.read_bytes()) == artifact.sha256:
                results[artifact.file] = self._result(record, artifact.file, reused=True)
        return results

    def publish_passed(self, made: Sequence[ConvertedArtifact]) -> dict[str, ExportResult]:
        """Publishes what passed in one step, and writes a page about each refused artifact.

        Returns the results by model file.
        """
        session = self.session
        sets = {}
        if any(artifact.record.calibration_id for artifact in made):
            sets = {session.calibration.id: session.calibration_description}
        passed = [artifact for artifact in made if not artifact.record.refused]
        if passed:
            update = BundleUpdate(
                session.run,
                passed,
                session.reference_scores,
                session.options.seed,
                sets,
                session.options.devices,
                session.similarity_sample if session.options.examples else None,
            )
            publish(self.bundle, update, overwrite=self.overwrite)
            self._say_examples()
        results = {}
        for artifact in made:
            file, record = artifact.row.file, artifact.record
            results[file] = self._result(record, file, reused=False)
            page = self._refusal_page(file)
            if record.refused:
                models = {file: session.write(file, artifact.content)}
                write_file(page, render_report(session.run, {file: record}, sets, models))
            else:
                page.unlink(missing_ok=True)
        return results

    def _say_examples(self) -> None:
        path = self.bundle / EXAMPLES
        if path.exists():
            say(
                f"{program_name('export')}: {path}: {path.stat().st_size / 1e6:.2f} MB of training"
                " images for predict --explain; --no-examples leaves them out"
            )

    def _result(self, record: ArtifactRecord, file: str, *, reused: bool) -> ExportResult:
        page = self._refusal_page(file) if record.refused else self.bundle / REPORT
        return ExportResult(file, str(self.bundle), str(page), record, reused)

    def _refusal_page(self, file: str) -> Path:
        return self.bundle.with_name(f"{self.bundle.name}.refused.{file}.html")
