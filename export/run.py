"""From a run folder to one more artifact in its bundle: convert, judge, and publish what passed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from export.bundle_writer import REPORT, Records, bundle_manifest, open_bundle, publish, render_report
from export.calibration import calibration_pixels
from export.formats import FORMATS
from export.gate import Limits, decide, judge
from export.trained import open_run
from runtime.atomic import scratch_folder, write_file
from runtime.classifier import Classifier
from runtime.errors import CheckFailed, InputRefused
from runtime.manifest import Artifact
from runtime.plugins import Plugin, choose
from runtime.preprocess import digest
from runtime.progress import Progress
from runtime.provenance import source_digest
from runtime.quiet import prepare_tensorflow, quiet
from runtime.run_folder import MODEL

CALIBRATED = ("int8", "int16x8")
"""The precisions whose activation ranges are measured on a representative dataset."""


@dataclass(frozen=True)
class ExportOptions:
    """What an artifact is made with, beside the run."""

    format: str
    precision: str
    calibration: int = 200
    limits: Limits = field(default_factory=Limits)
    seed: int = 7

    def __post_init__(self) -> None:
        if self.calibration < 1:
            raise InputRefused("--calibration", f"expected at least 1 picture, found {self.calibration}")


@dataclass(frozen=True)
class ExportResult:
    """One published artifact and the gate's record of it."""

    bundle: str
    artifact: str
    report: str
    record: Mapping[str, Any]
    reused: bool


def export(run_path: Path, bundle: Path, options: ExportOptions, *, data: Path | None, overwrite: bool) -> ExportResult:
    """Makes one artifact of a run and adds it to the bundle, if it passes the gate. One made by the same command is kept.

    Raises:
        InputRefused: the run, its pictures or the bundle's place cannot be used.
        CheckFailed: the gate refused it; nothing was published, and a report says why.
        MachineError: a package is missing, or the disk is full.
    """
    choose(FORMATS, options.format, "format")
    run = open_run(run_path, data)
    file = f"model.{options.precision}.{options.format}"
    made_by = {**asdict(options), "model_sha256": run.model_sha256, "source": source_digest("runtime", "export")}
    old, records = open_bundle(bundle, run, overwrite=overwrite)
    report = str(bundle / REPORT)
    if file in records and old:
        if records[file].get("made_by") == made_by and _whole(bundle, old.artifacts, file):
            return ExportResult(str(bundle), file, report, records[file], reused=True)
        if not overwrite:
            raise InputRefused(str(bundle / file), "is there already, made by another command; use --overwrite")

    calibration = calibration_pixels(run, options.calibration, options.seed) if options.precision in CALIBRATED else _no_pictures()
    prepare_tensorflow()
    with quiet():
        convert = FORMATS[options.format].convert.load()
        load = Plugin("export.keras_model:load", extra="export").load()
        scores = Plugin("export.keras_model:scores", extra="export").load()
        model = load(run_path / MODEL)
    with Progress(f"convert to {options.precision} {options.format}", 1) as bar:
        content = convert(model, options.precision, calibration, bundle_manifest(run))
        bar.advance()

    def reference(pixels: Any) -> Any:
        return scores(model, pixels)

    with scratch_folder(run_path) as scratch:
        (scratch / file).write_bytes(content)
        verdict = decide(judge(run, reference, Classifier(scratch / file)), options.limits)
    record = {"bytes": len(content), "made_by": made_by, **asdict(verdict)}
    if verdict.reasons:
        refused: Records = {file: record}
        page = run_path / f"refused.{file}.html"
        write_file(page, render_report(run, refused))
        raise CheckFailed(file, f"{'; '.join(verdict.reasons)}. Nothing was published; report: {page}")
    artifact = Artifact(file, options.format, options.precision, digest(content))
    publish(bundle, run, old, records | {file: record}, artifact, content, reference, options.seed)
    return ExportResult(str(bundle), file, report, record, reused=False)


def _whole(bundle: Path, artifacts: tuple[Artifact, ...], file: str) -> bool:
    path = bundle / file
    return path.is_file() and any(one.file == file and one.sha256 == digest(path.read_bytes()) for one in artifacts)


def _no_pictures() -> Any:
    return np.empty((0, 0, 0, 3), np.uint8)
