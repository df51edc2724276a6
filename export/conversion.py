"""Converts a run to artifacts and compares each with the Keras model; publishes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from export.against import compare_with_old, judge_against
from export.baseline_check import check_baseline
from export.formats.artifact_spec import CALIBRATED, ArtifactSpec
from export.formats.layer_error import LayerError
from export.formats.registry import FORMATS, Conversion
from export.model_files import convert_all
from export.parity.artifact_record import (
    AgainstBundle,
    ArtifactInputs,
    ArtifactRecord,
    DeviceParity,
)
from export.parity.baseline import Baseline
from export.parity.device_check import check_on_device, require_devices
from export.parity.gate import (
    GateResult,
    ParityResult,
    apply_limits,
    compare_on_test_split,
    judge_similarity,
)
from export.parity.latency import Latency
from export.parity.one_class import check_one_class, compare_one_class
from export.publish import ConvertedArtifact, bundle_manifest
from export.session import Session
from runtime.bundles.bundle import Bundle
from runtime.models.manifest import Artifact
from runtime.shared.progress import Progress
from runtime.system.hashing import sha256_of
from runtime.system.provenance import source_digest, versions

PACKAGES = (
    *("quince-edge", "tensorflow-cpu", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime"),
    *("ai-edge-litert", "numpy", "pillow"),
)
"""The packages that an artifact depends on; their versions are in its record."""


def convert_and_compare(session: Session, specs: Sequence[ArtifactSpec]) -> list[ConvertedArtifact]:
    """Returns an artifact for each spec, passed or refused, in the same order.

    All of them are compared in one pass over the test images.

    Raises:
        InputRefused: an image is gone, or a target runtime cannot read an artifact.
        CheckFailed: a model answers NaN, or the calibration images are useless.
        PoorModel: the Keras model itself is no better than luck.
        MachineError: a device cannot be emulated here, or a package is missing.
    """
    options = session.options
    require_devices(options.devices, {spec.format for spec in specs})
    if any(spec.precision in CALIBRATED for spec in specs):
        _ = session.calibration  # useless images are refused before the model is loaded
    conversions, prototypes = convert_all(session, specs)
    files = {
        file: session.write(file, conversion.content) for file, conversion in conversions.items()
    }
    run = session.run
    compare = compare_one_class if run.is_one_class else compare_on_test_split
    results = compare(
        run,
        session.reference_outputs,
        list(files.values()),
        prototypes,
        options.keep,
    )
    first = next(iter(results.values()))
    if run.is_one_class:
        baseline = check_one_class(first)
    else:
        baseline = check_baseline(session, first.reference_scores)
    latencies = session.latencies(files)
    gate_results = {
        file: apply_limits(result.parity, options.limits).with_reasons(
            judge_similarity(result.similarity, options.limits)
        )
        for file, result in results.items()
    }
    against: dict[str, AgainstBundle] = {}
    if options.against:
        scores = {file: result.scores for file, result in results.items()}
        against = compare_with_old(options.against, run, scores)
        for file, record in against.items():
            gate_results[file] = judge_against(gate_results[file], record, options.limits)
    passed = {
        files[file]: result
        for file, result in results.items()
        if gate_results[file].outcome != "failed"
    }
    checks = _check_on_devices(session, passed)
    artifacts = []
    for spec in specs:
        file = spec.file
        devices = {name: check[file] for name, check in checks.items() if file in check}
        gate_result = gate_results[file].with_reasons(
            reason for device in devices.values() for reason in device.reasons
        )
        made = _artifact(
            session, spec, conversions[file], results[file], gate_result, latencies[file], devices
        )
        facts = prototypes.get(file)
        artifacts.append(
            replace(
                made,
                record=replace(
                    _with_baseline(made.record, baseline), against=against.get(spec.file)
                ),
                features=facts.features if facts else None,
            )
        )
    return artifacts


def _with_baseline(record: ArtifactRecord, baseline: Baseline) -> ArtifactRecord:
    """Adds to a record what speaks against the Keras model itself."""
    warnings = (*record.warnings, baseline.doubt) if baseline.doubt else record.warnings
    return replace(record, warnings=warnings, poor_model=baseline.poor)


def artifact_inputs(session: Session, spec: ArtifactSpec) -> ArtifactInputs:
    """Returns everything that the artifact of a spec depends on."""
    options = session.options
    return ArtifactInputs(
        calibration_images=options.calibration_images,
        limits=options.limits,
        seed=options.seed,
        qat_epochs=options.qat_epochs,
        keep=options.keep,
        device_images={device.name: options.device_images for device in options.devices},
        model_sha256=session.run.model_sha256,
        images_sha256=session.run.images_sha256,
        code_sha256=_source(),
        spec=spec,
        examples=options.examples,
        against_id=Bundle.open(options.against).id if options.against else "",
        prefer=options.prefer,
    )


@cache
def _source() -> str:
    return source_digest("runtime", "workstation", "export")


def _check_on_devices(
    session: Session, results: Mapping[Path, ParityResult]
) -> dict[str, dict[str, DeviceParity]]:
    """Returns the comparisons on each device, by its name and by model file."""
    if not results:
        return {}
    options = session.options
    return {
        device.name: check_on_device(
            session.run, device, results, options.limits, options.device_images, options.seed
        )
        for device in options.devices
    }


def _artifact(
    session: Session,
    spec: ArtifactSpec,
    conversion: Conversion,
    result: ParityResult,
    gate_result: GateResult,
    latency: Latency,
    devices: Mapping[str, DeviceParity],
) -> ConvertedArtifact:
    """Puts the fitted confidence into the model file, and everything measured into its record."""
    manifest = replace(bundle_manifest(session.run), confidence=result.confidence)
    content: bytes = FORMATS[spec.format].with_manifest.load()(conversion.content, manifest)
    warnings = [f"{spec.file}: {warning}" for warning in conversion.warnings]
    calibrated = spec.precision in CALIBRATED
    if calibrated:
        doubts = session.calibration_description["doubts"]
        warnings += [f"calibration: {doubt}" for doubt in doubts]
    record = ArtifactRecord(
        size_bytes=len(content),
        command=session.options.command,
        versions=versions(*PACKAGES),
        made_by=artifact_inputs(session, spec),
        parity=result.parity,
        limits=session.options.limits,
        outcome=gate_result.outcome,
        reasons=gate_result.reasons,
        doubts=gate_result.doubts,
        devices=devices,
        confidence=result.confidence,
        similarity_figures=result.similarity,
        class_findings=result.classes,
        latency=latency,
        calibration_id=session.calibration.id if calibrated else None,
        warnings=tuple(warnings),
        layers=_layer_errors(session, spec, gate_result),
        reference=session.run.reference,
    )
    row = Artifact(spec.file, spec.format, spec.precision, sha256_of(content))
    return ConvertedArtifact(row, content, record)


def _layer_errors(
    session: Session, spec: ArtifactSpec, gate_result: GateResult
) -> tuple[LayerError, ...]:
    """Measures the error of each layer if that is worth its time, the most damaged layer first.

    That is always so in int8; in a mixed model only to find the next layer to leave in float.
    """
    worth_it = spec.precision == "int8" or (
        spec.precision == "mixed" and gate_result.outcome == "failed"
    )
    row = FORMATS[spec.format]
    target = row.layer_errors_onnx if session.run.onnx else row.layer_errors
    if target is None or spec.qat or not worth_it:
        return ()
    with session.imports():
        layer_errors = target.load()
    with Progress("error of each layer", 1) as bar:
        errors = layer_errors(session.prepared(spec), session.calibration.pixels, spec)
        bar.advance()
    return tuple(errors)
