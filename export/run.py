"""From a run folder to more artifacts in its bundle: convert, judge, and publish what passed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.bundle_writer import REPORT, Made, bundle_manifest, open_bundle, publish, render_report
from export.calibration import Calibration, choose_calibration
from export.calibration_file import Sets, describe
from export.formats import FORMATS
from export.gate import Limits, Reference, decide, judge
from export.kind import CALIBRATED, Kind
from export.latency import measure
from export.stability import stability
from export.trained import Run, balanced, open_run
from runtime.atomic import scratch_folder, write_file
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.manifest import Artifact
from runtime.plugins import Plugin, choose, require
from runtime.preprocess import digest, preprocess
from runtime.progress import Progress
from runtime.provenance import source_digest, versions
from runtime.quiet import prepare_tensorflow, quiet
from runtime.run_folder import MODEL

PACKAGES = ("quince-edge", "tensorflow-cpu", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy", "pillow")
"""What an artifact depends on; their versions are in its record."""

EVERY_KIND = tuple(Kind(name, precision) for name, row in FORMATS.items() for precision in row.precisions)


@dataclass(frozen=True)
class ExportOptions:
    """What artifacts are made with, beside the run. `command` is what the user typed, for the record only."""

    calibration: int = 200
    limits: Limits = field(default_factory=Limits)
    seed: int = 7
    command: str = ""

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
    run = open_run(run_path, data)
    require("export", "export", "tensorflow", "keras", "jinja2")
    given = {name: value for name, value in asdict(options).items() if name != "command"}
    made_by = {**given, "model_sha256": run.model_sha256, "source": source_digest("runtime", "export")}
    there = _already_there(bundle, run, kinds, made_by, overwrite=overwrite)
    missing = [kind for kind in kinds if kind.file not in there]
    results = {file: ExportResult(file, str(bundle), str(bundle / REPORT), record, reused=True) for file, record in there.items()}
    if missing:
        conversion = _convert(run, missing, options)
        made = _judge(run, missing, conversion, options, made_by)
        passed = [one for one in made if one.record["outcome"] != "failed"]
        if passed:
            publish(bundle, run, passed, conversion.reference, options.seed, conversion.sets, overwrite=overwrite)
        for one in made:
            file = one.artifact.file
            refusal = run_path / f"refused.{file}.html"
            if one in passed:
                refusal.unlink(missing_ok=True)
            else:
                write_file(refusal, render_report(run, {file: one.record}, conversion.sets))
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
    """The Keras model as a function and as itself, the representative dataset and its description, and a file's content for each kind."""

    model: Any
    reference: Reference
    calibration: Calibration | None
    sets: Sets
    contents: list[bytes]


def _convert(run: Run, kinds: Sequence[Kind], options: ExportOptions) -> _Conversion:
    calibrated = any(kind.precision in CALIBRATED for kind in kinds)
    calibration = choose_calibration(run, options.calibration, options.seed) if calibrated else None
    prepare_tensorflow()
    with quiet():
        converters = [FORMATS[kind.format].convert.load() for kind in kinds]
        load = Plugin("export.keras_model:load", extra="export").load()
        scores = Plugin("export.keras_model:scores", extra="export").load()
        model = load(run.path / MODEL)

    def reference(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = scores(model, pixels)
        return answer

    sets = {calibration.id: _described(model, reference, calibration)} if calibration else {}
    pixels = calibration.pixels if calibration else np.empty((0, 0, 0, 3), np.uint8)
    contents = []
    with Progress("convert", len(kinds)) as bar:
        for kind, convert in zip(kinds, converters, strict=True):
            contents.append(convert(model, kind, pixels, bundle_manifest(run)))
            bar.advance(note=kind.file)
    return _Conversion(model, reference, calibration, sets, contents)


def _described(model: Any, reference: Reference, calibration: Calibration) -> dict[str, Any]:
    with Progress("calibration halves", 1) as bar:
        description = describe(calibration, stability(model, reference, calibration))
        bar.advance()
    return description


def _judge(run: Run, kinds: Sequence[Kind], conversion: _Conversion, options: ExportOptions, made_by: Mapping[str, Any]) -> list[Made]:
    files = list(zip(kinds, conversion.contents, strict=True))
    with scratch_folder(run.path) as scratch:
        for kind, content in files:
            (scratch / kind.file).write_bytes(content)
        classifiers = {kind.file: Classifier(scratch / kind.file) for kind in kinds}
        reports = judge(run, conversion.reference, classifiers)
        (picture,) = balanced(run.split("test"), 1, options.seed)
        latencies = measure(classifiers, preprocess(run.read(picture), run.manifest.preprocessing))
    made = []
    for kind, content in files:
        verdict = decide(reports[kind.file], options.limits)
        explain = kind == Kind("tflite", "int8")
        record = {
            "bytes": len(content),
            "command": options.command,
            "versions": versions(*PACKAGES),
            "made_by": {**made_by, "kind": _plain(kind)},
            **asdict(verdict),
            "latency": asdict(latencies[kind.file]),
            **_calibration_record(kind, conversion),
            "layers": _layer_errors(conversion.model, conversion.calibration) if conversion.calibration and explain else [],
        }
        made.append(Made(Artifact(kind.file, kind.format, kind.precision, digest(content)), content, record))
    return made


def _calibration_record(kind: Kind, conversion: _Conversion) -> dict[str, Any]:
    """The id of the set it was calibrated on, if it was, and what speaks against that set."""
    key = conversion.calibration.id if conversion.calibration and kind.precision in CALIBRATED else None
    return {"calibration": key, "warnings": conversion.sets[key]["doubts"] if key else []}


def _layer_errors(model: Any, calibration: Calibration) -> list[dict[str, Any]]:
    with Progress("error of each layer", 1) as bar:
        errors = Plugin("export.formats.tflite_layers:layer_errors", extra="export").load()(model, calibration.pixels)
        bar.advance()
    return [asdict(error) for error in errors]
