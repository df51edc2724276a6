"""From a run folder to more artifacts in its bundle: convert, judge, and publish what passed."""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from export.bundle_writer import Made, Publication, check_place, open_bundle, publish, render_report
from export.device_check import PICTURES, Checked, check_on_device, require_devices
from export.emulated.devices import Device
from export.foreign import ForeignOptions, open_foreign
from export.formats import FORMATS
from export.gate import Judged, Limits, Verdict, decide, judge, require_deciding
from export.kind import CALIBRATED, Kind
from export.session import Session
from export.targets import DEFAULTS, check_targets, of_format
from export.trained import open_run
from runtime.atomic import write_file
from runtime.bundle import REPORT
from runtime.digest import digest
from runtime.errors import InputRefused
from runtime.manifest import Artifact
from runtime.plugins import choose, require
from runtime.progress import Progress
from runtime.provenance import source_digest, versions

PACKAGES = ("quince-edge", "tensorflow-cpu", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy", "pillow")
"""What an artifact depends on; their versions are in its record."""

EVERY_KIND = tuple(Kind(name, precision) for name, row in FORMATS.items() for precision in row.precisions)


@dataclass(frozen=True)
class ExportOptions:
    """What artifacts are made with, beside the run.

    qat_epochs: of quantization-aware fine-tuning at most, 0 for none. targets: names of the runtimes that artifacts must run on.
    foreign: of a model that is in no run folder. devices, device_pictures: where each artifact is checked too, by emulation, and on how
    many test pictures at most. command: what the user typed, for the record only.
    """

    calibration: int = 200
    limits: Limits = field(default_factory=Limits)
    seed: int = 7
    qat_epochs: int = 0
    targets: tuple[str, ...] = DEFAULTS
    foreign: ForeignOptions | None = None
    devices: tuple[Device, ...] = ()
    device_pictures: int = PICTURES
    command: str = ""

    def __post_init__(self) -> None:
        if self.calibration < 1:
            raise InputRefused("--calibration", f"expected at least 1 picture, found {self.calibration}")
        if self.device_pictures < 1:
            raise InputRefused("--device-pictures", f"expected at least 1 picture, found {self.device_pictures}")
        if self.seed < 0:
            raise InputRefused("--seed", f"expected a whole number from 0, found {self.seed}")
        if self.qat_epochs < 0:
            raise InputRefused("--qat", f"expected at least 1 epoch, found {self.qat_epochs}")


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
    with open_export(run_path, bundle, options, data=data, overwrite=overwrite) as task:
        there = task.already_there(kinds)
        missing = [kind for kind in kinds if kind.file not in there]
        results = there | task.settle(task.judge(missing) if missing else [])
    return [results[kind.file] for kind in kinds]


@contextmanager
def open_export(
    run_path: Path, bundle: Path, options: ExportOptions, *, data: Path | None, overwrite: bool
) -> Generator["Export", None, None]:
    """An Export of a run; the model files it made that are not in the bundle go when it ends."""
    check_place(bundle, run_path)
    run = open_foreign(run_path, options.foreign) if options.foreign else open_run(run_path, data)
    if not options.foreign and Path(os.path.realpath(run.data)) in Path(os.path.realpath(bundle)).parents:
        raise InputRefused(str(bundle), f"lies in {run.data}, where the next training would take it for a class; choose another -o")
    require("export", "export", "tensorflow", "keras", "jinja2")
    require_deciding(options.limits, len(run.split("test")), str(run_path))
    made_by = {
        "calibration": options.calibration,
        "limits": asdict(options.limits),
        "seed": options.seed,
        "qat_epochs": options.qat_epochs,
        "devices": {device.name: options.device_pictures for device in options.devices},
        "model_sha256": run.model_sha256,
        "pictures_sha256": run.pictures_sha256,
        "source": source_digest("runtime", "export"),
    }
    with ExitStack() as scratch:
        yield Export(
            Session(run, bundle.parent, scratch, options.calibration, options.seed, options.qat_epochs), bundle, options, made_by, overwrite
        )


@dataclass(frozen=True)
class Export:
    """One command's work: an opened run, the bundle its artifacts go to, what they are made with, and that as their records give it."""

    session: Session
    bundle: Path
    options: ExportOptions
    made_by: Mapping[str, Any]
    overwrite: bool

    def already_there(self, kinds: Sequence[Kind]) -> dict[str, ExportResult]:
        """By file, what the same command has put into the bundle before.

        Raises:
            InputRefused: another command made a file of that name, and this one may not overwrite it.
        """
        before = self.made_before()
        standing = open_bundle(self.bundle, self.session.run, overwrite=self.overwrite)[1]
        there = {}
        for kind in kinds:
            choose(FORMATS, kind.format, "format")
            result = before.get(kind.file)
            if result and result.record["made_by"] == self._made_by(kind):
                there[kind.file] = result
            elif kind.file in standing and not self.overwrite:
                raise InputRefused(str(self.bundle / kind.file), "is there already, made by another command; use --overwrite")
        return there

    def made_before(self) -> dict[str, ExportResult]:
        """By file, what stands in the bundle, whole, made with the same options from the same model by the same source, of any kind."""
        old, records = open_bundle(self.bundle, self.session.run, overwrite=self.overwrite)
        results = {}
        for artifact in old.artifacts if old else ():
            record, path = records.get(artifact.file, {}), self.bundle / artifact.file
            same = {name: value for name, value in record.get("made_by", {}).items() if name != "kind"} == self.made_by
            if same and path.is_file() and digest(path.read_bytes()) == artifact.sha256:
                results[artifact.file] = ExportResult(artifact.file, str(self.bundle), str(self.bundle / REPORT), record, reused=True)
        return results

    def judge(self, kinds: Sequence[Kind]) -> list[Made]:
        """Converts all kinds and compares them with the Keras model in one pass over the test pictures; publishes nothing."""
        require_devices(self.options.devices, {kind.format for kind in kinds})
        if any(kind.precision in CALIBRATED for kind in kinds):
            _ = self.session.calibration
        contents = []
        with Progress("convert", len(kinds)) as bar:
            for kind in kinds:
                contents.append(self.session.convert(self._aimed(kind)))
                check_targets(kind.file, contents[-1], of_format(self.options.targets, kind.format))
                bar.advance(note=kind.file)
        files = {kind.file: self.session.write(kind.file, content) for kind, content in zip(kinds, contents, strict=True)}
        judged = judge(self.session.run, self.session.reference, list(files.values()))
        latencies = self.session.latencies(files)
        made = []
        verdicts = {file: decide(one.parity, self.options.limits) for file, one in judged.items()}
        checked = self._checked({path: judged[file] for file, path in files.items() if verdicts[file].outcome != "failed"})
        for kind, converted in zip(kinds, contents, strict=True):
            confidence = judged[kind.file].confidence
            content = self.session.with_confidence(kind, converted, confidence)
            devices = {name: there[kind.file] for name, there in checked.items() if kind.file in there}
            verdict = verdicts[kind.file].also(reason for there in devices.values() for reason in there["reasons"])
            record = {
                "bytes": len(content),
                "command": self.options.command,
                "versions": versions(*PACKAGES),
                "made_by": self._made_by(kind),
                **asdict(verdict),
                "devices": devices,
                "confidence": asdict(confidence),
                "latency": asdict(latencies[kind.file]),
                **self._calibration(kind),
                "layers": self.session.layer_errors(kind) if _explained(kind, verdict) else [],
            }
            made.append(Made(Artifact(kind.file, kind.format, kind.precision, digest(content)), content, record))
        return made

    def settle(self, made: Sequence[Made]) -> dict[str, ExportResult]:
        """Publishes what passed in one step, and writes a page about each that did not; the results by file."""
        run = self.session.run
        calibrated = any(one.record["calibration"] for one in made)
        sets = {self.session.calibration.id: self.session.described} if calibrated else {}
        passed = [one for one in made if one.record["outcome"] != "failed"]
        if passed:
            what = Publication(run, passed, self.session.reference, self.options.seed, sets, self.options.devices)
            publish(self.bundle, what, overwrite=self.overwrite)
        results = {}
        for one in made:
            file = one.artifact.file
            refusal = self.bundle.with_name(f"{self.bundle.name}.refused.{file}.html")
            if one in passed:
                refusal.unlink(missing_ok=True)
            else:
                write_file(refusal, render_report(run, {file: one.record}, sets))
            page = self.bundle / REPORT if one in passed else refusal
            results[file] = ExportResult(file, str(self.bundle), str(page), one.record, reused=False)
        return results

    def _checked(self, judged: Mapping[Path, Judged]) -> dict[str, Checked]:
        """By device, what these model files give there."""
        options, run = self.options, self.session.run
        return {
            device.name: check_on_device(run, device, judged, options.limits, options.device_pictures, options.seed)
            for device in (options.devices if judged else ())
        }

    def _calibration(self, kind: Kind) -> dict[str, Any]:
        """The id of the set it was calibrated on, if it was, and what speaks against that set."""
        if kind.precision not in CALIBRATED:
            return {"calibration": None, "warnings": []}
        return {"calibration": self.session.calibration.id, "warnings": self.session.described["doubts"]}

    def _made_by(self, kind: Kind) -> dict[str, Any]:
        """As JSON gives it back."""
        aimed = self._aimed(kind)
        return {**self.made_by, "kind": {**asdict(aimed), "float_layers": list(aimed.float_layers), "targets": list(aimed.targets)}}

    def _aimed(self, kind: Kind) -> Kind:
        return replace(kind, targets=tuple(target.name for target in of_format(self.options.targets, kind.format)))


def _explained(kind: Kind, verdict: Verdict) -> bool:
    """Whether the error of each layer is worth its time: always in int8, in a mixed model to find the next layer."""
    quantized = kind.precision == "int8" or (kind.precision == "mixed" and verdict.outcome == "failed")
    return kind.format == "tflite" and quantized and not kind.qat
