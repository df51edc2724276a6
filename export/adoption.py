"""Judges a finished model file as it is, and puts it into a bundle that a device can check.

There is no model to compare it with, so its own answers to labelled images decide.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.formats.file_precision import find_precision
from export.inputs.external_images import ExternalImages, find_external_images
from export.inputs.model_file.first_load import try_model_file
from export.inputs.trained_run import TrainedRun
from export.parity.artifact_record import SCHEMA
from export.parity.baseline import PoorModel, check_answers
from export.parity.confidence_fit import fit_confidence
from export.parity.golden_images import write_golden_images
from export.parity.latency import Latency, measure_in_turn
from export.publish import require_replaceable, require_writable_target
from runtime.backends.base import EMBEDDED_MANIFEST
from runtime.bundles.bundle import CARD, CRC32, LABELS, MANIFEST, PARITY, REPORT
from runtime.bundles.golden_images import FOLDER, write_golden
from runtime.bundles.integrity import KEY, records_digest
from runtime.classifier import Classifier
from runtime.deployment.export_time import EXPORTED
from runtime.errors import InputRefused
from runtime.file_formats.tensors import ChannelOrder
from runtime.images.preprocessing import preprocess
from runtime.models.adopted_spec import AdoptedSpec
from runtime.models.confidence import Confidence
from runtime.models.labels import labels_file_text
from runtime.models.manifest import Artifact, Manifest
from runtime.models.model_spec import ModelSpec
from runtime.shared.parity import calibration_error
from runtime.shared.scoring import score_images
from runtime.shared.statistics import accuracy_interval, count_objects
from runtime.system.atomic_files import locked, new_folder
from runtime.system.hashing import crc32_of, sha256_of
from runtime.system.lazy_loading import requires_extra
from runtime.system.provenance import utc_now, versions

SEED = 7
PACKAGES = ("quince-edge", "ai-edge-litert", "onnxruntime", "numpy", "pillow")
MAX_STEM = 180


@dataclass(frozen=True)
class Adoption:
    """Holds what was measured of an adopted file; fractions are 0..1.

    objects: what the images show; images that stand alone are one each.
    accuracy_low, accuracy_high: the 95 % interval, over objects.
    recalls: the part of each class that is right, the worst class first.
    notes: on images and files beside the model, each in one line.
    poor_model: why the model is of no use; empty if it is of use.
    """

    artifact: str
    bundle: str
    sha256: str
    size_bytes: int
    precision: str
    images: int
    objects: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    calibration_error: float
    recalls: dict[str, float]
    confidence: Confidence
    latency: Latency
    command: str
    notes: tuple[str, ...] = ()
    poor_model: str = ""


def adopt(
    path: Path,
    spec: ModelSpec | None,
    test_data: Path,
    bundle: Path,
    *,
    overwrite: bool = False,
    allow_poor_model: bool = False,
    command: str = "",
) -> Adoption:
    """Measures the `.tflite` or `.onnx` file on labelled images, and writes its bundle.

    Args:
        path: of the file, which may be of any maker.
        spec: what the user states about it; None for a file that states everything.
        test_data: a folder per class of images that it was not trained with.
        bundle: the folder to write.
        overwrite: replace a bundle that is there.
        allow_poor_model: write the bundle of a model that is no better than luck, too.
        command: as the user typed it, for the record.

    Raises:
        InputRefused: the file, the labels or the images cannot be used, or `bundle` is taken.
        CheckFailed: the model answers NaN.
        PoorModel: it is no better than answers that ignore the image.
        MachineError: its interpreter is missing, or the bundle cannot be written.
    """
    require_writable_target(bundle, path)
    require_replaceable(bundle, overwrite=overwrite)
    content = try_model_file(path, spec or ModelSpec())
    classifier = Classifier(path, spec=spec, checked=True)
    external = find_external_images(test_data, None, classifier.labels)
    run = _run(path, content, classifier, external)
    fast = Classifier(path, spec=spec, checked=True, throughput=True)
    _, (scores,) = score_images([fast], run.split("test"), run.read)
    result = _judge(run, scores, bundle, command)
    result = replace(
        result,
        notes=tuple(filter(None, (classifier.remark, *external.notes))),
        latency=measure_in_turn({"": classifier}, _pixels(run, 0))[""],
    )
    if result.poor_model and not allow_poor_model:
        raise PoorModel(
            str(path),
            f"{result.poor_model}. See if --labels are in the order of its outputs and --normalize"
            " is its own; --allow-poor-model adopts it as it is",
        )
    with requires_extra("export"):
        from export.report.adopted_report import adopted_card, adopted_report
    counts = Counter(image.label for image in run.split("test"))
    pages = {
        CARD: adopted_card(run, result, min(counts.values())),
        REPORT: adopted_report(run, result, scores, classifier),
    }
    _write_bundle(bundle, run, content, result, classifier, pages, overwrite=overwrite)
    return result


def _run(
    path: Path, content: bytes, classifier: Classifier, external: ExternalImages
) -> TrainedRun:
    """Returns the file and its images as export holds those of a run."""
    file = f"{path.stem[:MAX_STEM]}{path.suffix}"
    try:
        artifact = _artifact(file, path, content)
    except InputRefused:  # a name that no bundle may hold
        artifact = _artifact(f"model.adopted{path.suffix}", path, content)
    manifest = Manifest(
        classifier.manifest.name, classifier.labels, classifier.preprocessing, (artifact,)
    )
    return TrainedRun(path, external.root, manifest, external.images, path)


def _artifact(file: str, path: Path, content: bytes) -> Artifact:
    precision = find_precision(path.suffix, content)
    return Artifact(file, path.suffix[1:], precision, sha256_of(content))


def adopted_spec(classifier: Classifier) -> AdoptedSpec | None:
    """Returns how a file from elsewhere is fed and read; None for a file of ours."""
    backend, given = classifier.backend, classifier.model.spec
    if EMBEDDED_MANIFEST in backend.metadata:
        return None
    outputs = getattr(backend, "outputs", {})
    chosen = [name for name, tensor in outputs.items() if tensor is backend.output]
    order: ChannelOrder = "bgr" if given.bgr else "rgb"
    return AdoptedSpec(
        layout=given.layout,
        channel_order="grey" if given.grey else order,
        scores="logits" if given.softmax else "probabilities",
        mean=given.normalization.mean if given.normalization else (),
        std=given.normalization.std if given.normalization else (),
        output=chosen[0] if len(outputs) > 1 else None,
    )


def _pixels(run: TrainedRun, index: int) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = preprocess(
        run.read(run.split("test")[index]), run.manifest.preprocessing
    )
    return pixels


def _judge(run: TrainedRun, scores: NDArray[np.float32], bundle: Path, command: str) -> Adoption:
    images, labels, artifact = run.split("test"), run.manifest.labels, run.manifest.artifacts[0]
    truth = np.array([labels.index(image.label) for image in images])
    groups = [image.group for image in images]
    right = scores.argmax(1) == truth
    low, high = accuracy_interval(right, groups)
    recalls = {labels[index]: float(right[truth == index].mean()) for index in np.unique(truth)}
    return Adoption(
        artifact=artifact.file,
        bundle=str(bundle),
        sha256=artifact.sha256,
        size_bytes=run.path.stat().st_size,
        precision=artifact.precision,
        images=len(images),
        objects=count_objects(groups),
        accuracy=float(right.mean()),
        accuracy_low=low,
        accuracy_high=high,
        calibration_error=calibration_error(scores, truth),
        recalls=dict(sorted(recalls.items(), key=lambda row: row[1])),
        confidence=fit_confidence(scores, truth, None, groups),
        latency=Latency(0.0, 0, 0, ""),
        command=command,
        poor_model=check_answers(truth, scores.argmax(1), labels, "the model").poor,
    )


def _write_bundle(
    bundle: Path,
    run: TrainedRun,
    content: bytes,
    result: Adoption,
    classifier: Classifier,
    pages: dict[str, str],
    *,
    overwrite: bool,
) -> None:
    file = run.manifest.artifacts[0].file
    adopted = adopted_spec(classifier)
    measured = {
        name: getattr(result, name)
        for name in ("accuracy", "accuracy_low", "accuracy_high", "images", "objects")
    }
    with locked(bundle.parent), new_folder(bundle) as folder:
        require_replaceable(bundle, overwrite=overwrite)
        (folder / file).write_bytes(content)

        def reference(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            return np.stack([classifier.scores(image) for image in pixels])

        golden_images = write_golden_images(folder, run, reference, SEED, file)
        write_golden(folder / FOLDER, golden_images)
        _write_text(folder / LABELS, labels_file_text(run.manifest.labels))
        record = {"schema": SCHEMA, "artifacts": {}, "adopted": asdict(result)}
        _write_text(folder / PARITY, json.dumps(record, indent=1))
        for name, page in pages.items():
            _write_text(folder / name, page)
        manifest = replace(
            run.manifest,
            provenance={
                "adopted_from": run.path.name[:MAX_STEM],
                "measured": measured,
                "versions": versions(*PACKAGES),
                KEY: records_digest(folder),
                EXPORTED: utc_now(),
                CRC32: {file: crc32_of(content)},
            },
            confidence=result.confidence if adopted else None,
            adopted=adopted,
        )
        (folder / MANIFEST).write_text(manifest.to_json())


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8", "backslashreplace")
