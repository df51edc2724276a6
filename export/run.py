"""From a run folder to more artifacts in its bundle: convert, judge, and publish what passed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.bundle_writer import REPORT, Made, bundle_manifest, check_place, open_bundle, publish, render_report
from export.calibration import calibration_pixels
from export.foreign import ForeignOptions, open_foreign
from export.formats import FORMATS
from export.gate import Limits, Reference, decide, judge
from export.kind import CALIBRATED, Kind
from export.trained import Run, balanced, open_run
from runtime.atomic import scratch_folder, write_file
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.manifest import Artifact
from runtime.plugins import Plugin, choose, require
from runtime.preprocess import digest, preprocess
from runtime.progress import Progress
from runtime.provenance import source_digest
from runtime.quiet import prepare_tensorflow, quiet

EVERY_KIND = tuple(Kind(name, precision) for name, row in FORMATS.items() for precision in row.precisions)
SAMPLE = 8
"""Test pictures on which the Keras model's scores are checked to be probabilities, before anything is converted."""


@dataclass(frozen=True)
class ExportOptions:
    """What artifacts are made with, beside the run; `foreign` belongs to a model that is in no run folder."""

    calibration: int = 200
    limits: Limits = field(default_factory=Limits)
    seed: int = 7
    foreign: ForeignOptions | None = None

    def __post_init__(self) -> None:
        if self.calibration < 1:
            raise InputRefused("--calibration", f"expected at least 1 picture, found {self.calibration}")
        if self.seed < 0:
            raise InputRefused("--seed", f"expected a whole number from 0, found {self.seed}")


@dataclass(frozen=True)
class ExportResult:
    """One artifact, the gate's record of it, and the page that shows it. A refused one is in no bundle."""

    artifact: str
    bundle: str
    report: str
    record: Mapping[str, Any]
    reused: bool

    @property
    def refused(self) -> bool:
        """Whether the gate failed it."""
        return bool(self.record["outcome"] == "failed")


def export(
    run_path: Path, bundle: Path, kinds: Sequence[Kind], options: ExportOptions, *, data: Path | None, overwrite: bool
) -> list[ExportResult]:
    """Makes artifacts of a run and adds those that pass the gate to the bundle. One made by the same command is kept.

    Raises:
        InputRefused: the run, its pictures or the bundle's place cannot be used.
        CheckFailed: a model answers NaN, or the calibration pictures are useless; nothing was published.
        MachineError: a package is missing, or the disk is full.
    """
    check_place(bundle, run_path)
    run = open_foreign(run_path, options.foreign) if options.foreign else open_run(run_path, data)
    require("export", "export", "tensorflow", "keras", "jinja2")
    made_by = {
        **asdict(replace(options, foreign=None)),
        "model_sha256": run.model_sha256,
        "pictures_sha256": run.pictures_sha256,
        "source": source_digest("runtime", "export"),
    }
    there = _already_there(bundle, run, kinds, made_by, overwrite=overwrite)
    missing = [kind for kind in kinds if kind.file not in there]
    results = {file: ExportResult(file, str(bundle), str(bundle / REPORT), record, reused=True) for file, record in there.items()}
    if missing:
        conversion = _convert(run, missing, options)
        made = _judge(run, missing, conversion, options, made_by, bundle.parent)
        passed = [one for one in made if one.record["outcome"] != "failed"]
        if passed:
            publish(bundle, run, passed, conversion.reference, options.seed, overwrite=overwrite)
        for one in made:
            file = one.artifact.file
            refusal = bundle.parent / f"refused.{file}.html"
            if one in passed:
                refusal.unlink(missing_ok=True)
            else:
                write_file(refusal, render_report(run, {file: one.record}))
            page = bundle / REPORT if one in passed else refusal
            results[file] = ExportResult(file, str(bundle), str(page), one.record, reused=False)
    return [results[kind.file] for kind in kinds]


def _already_there(bundle: Path, run: Run, kinds: Sequence[Kind], made_by: Mapping[str, Any], *, overwrite: bool) -> dict[str, Any]:
    old, records = open_bundle(bundle, run, overwrite=overwrite)
    hashes = {artifact.file: artifact.sha256 for artifact in old.artifacts} if old else {}
    there = {}
    for kind in kinds:
        choose(FORMATS, kind.format, "format")
        path = bundle / kind.file
        if kind.file not in records or kind.file not in hashes:
            continue
        if (
            records[kind.file].get("made_by") == {**made_by, "kind": _plain(kind)}
            and path.is_file()
            and digest(path.read_bytes()) == hashes[kind.file]
        ):
            there[kind.file] = records[kind.file]
        elif not overwrite:
            raise InputRefused(str(path), "is there already, made by another command; use --overwrite")
    return there


def _plain(kind: Kind) -> dict[str, Any]:
    """As JSON gives it back."""
    return {**asdict(kind), "float_layers": list(kind.float_layers)}


@dataclass(frozen=True)
class _Conversion:
    """The Keras model as a function and as itself, the representative dataset, and a model file's content for each kind."""

    model: Any
    reference: Reference
    calibration: NDArray[np.uint8]
    contents: list[bytes]


def _convert(run: Run, kinds: Sequence[Kind], options: ExportOptions) -> _Conversion:
    calibrated = any(kind.precision in CALIBRATED for kind in kinds)
    calibration = calibration_pixels(run, options.calibration, options.seed) if calibrated else np.empty((0, 0, 0, 3), np.uint8)
    prepare_tensorflow()
    with quiet():
        converters = [FORMATS[kind.format].convert.load() for kind in kinds]
        load = Plugin("export.keras_model:load", extra="export").load()
        scores = Plugin("export.keras_model:scores", extra="export").load()
        check = Plugin("export.keras_model:check_probabilities", extra="export").load()
        model = load(run.model, run.preparation)
        check(model, _sample(run, options.seed), str(run.model), softmax_added=run.preparation.softmax)
    contents = []
    with Progress("convert", len(kinds)) as bar:
        for kind, convert in zip(kinds, converters, strict=True):
            contents.append(convert(model, kind, calibration, bundle_manifest(run)))
            bar.advance(note=kind.file)
    return _Conversion(model, lambda pixels: scores(model, pixels), calibration, contents)


def _sample(run: Run, seed: int) -> NDArray[np.uint8]:
    """(n, height, width, 3) uint8 RGB of a few test pictures."""
    return np.stack([preprocess(run.read(picture), run.manifest.preprocessing) for picture in balanced(run.split("test"), SAMPLE, seed)])


def _judge(
    run: Run, kinds: Sequence[Kind], conversion: _Conversion, options: ExportOptions, made_by: Mapping[str, Any], folder: Path
) -> list[Made]:
    """`folder` is where the model files lie while they are judged."""
    files = list(zip(kinds, conversion.contents, strict=True))
    with scratch_folder(folder) as scratch:
        for kind, content in files:
            (scratch / kind.file).write_bytes(content)
        reports = judge(run, conversion.reference, {kind.file: Classifier(scratch / kind.file) for kind in kinds})
    made = []
    for kind, content in files:
        verdict = decide(reports[kind.file], options.limits)
        explain = verdict.outcome == "failed" and kind == Kind("tflite", "int8")
        layers = _layer_errors(conversion) if explain else []
        record = {"bytes": len(content), "made_by": {**made_by, "kind": _plain(kind)}, **asdict(verdict), "layers": layers}
        made.append(Made(Artifact(kind.file, kind.format, kind.precision, digest(content)), content, record))
    return made


def _layer_errors(conversion: _Conversion) -> list[dict[str, Any]]:
    with Progress("error of each layer", 1) as bar:
        errors = Plugin("export.formats.tflite_layers:layer_errors", extra="export").load()(conversion.model, conversion.calibration)
        bar.advance()
    return [asdict(error) for error in errors]
