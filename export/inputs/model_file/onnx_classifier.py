"""Opens a float `.onnx` classifier, with labels and images, as if it were a run folder."""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from export.graph.onnx_model import OnnxModel
from export.graph.wrapping import Wrapping
from export.inputs.external_images import find_external_images
from export.inputs.model_file.first_load import CleanedFile, try_model_file
from export.inputs.trained_run import TrainedRun
from runtime.classifier import Classifier
from runtime.models.manifest import Artifact, Manifest
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import UNNORMALIZED
from runtime.shared.progress import Progress
from runtime.system.atomic_files import scratch_folder
from runtime.system.cache_dir import default_cache
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import require_packages
from runtime.system.provenance import versions

PACKAGES = ("onnx", "onnxruntime", "numpy", "pillow")
FOLDER = "cleaned-onnx"
KEPT_S = 24 * 3600
"""A cleaned file that is older belongs to no running export."""


@dataclass(frozen=True)
class OnnxClassifierOptions:
    """Everything that a run folder would say about a model.

    spec: what the user states about the file.
    test_data: a folder per class of images that the model was not trained with.
    calibration_data: a folder of images for the representative dataset, if an artifact needs one.
    batch: images a call of the file to make.
    """

    spec: ModelSpec
    test_data: Path
    calibration_data: Path | None = None
    batch: int = 1


def open_onnx_classifier(path: Path, options: OnnxClassifierOptions) -> TrainedRun:
    """Opens the `.onnx` file at `path`; a child process cleans it first.

    The cleaned file stays in the cache for a day, under the hash of its content.

    Raises:
        InputRefused: the file, the labels or the images cannot be used.
        CheckFailed: it has weights that are NaN or infinite.
        MachineError: a package is missing, or the cache cannot be written.
    """
    require_packages("export", "export", "onnx", "onnxruntime")
    folder = default_cache() / FOLDER
    with Progress("try the model", 1) as bar, scratch_folder(folder) as scratch:
        written = scratch / "model.onnx"
        content = try_model_file(path, options.spec, CleanedFile(written, options.batch))
        cleaned = folder / f"{sha256_of(written.read_bytes())}.onnx"
        written.replace(cleaned)
        _remove_old(folder)
        bar.advance()
    classifier = Classifier(path, spec=options.spec, checked=True)
    fed = classifier.model.spec
    external = find_external_images(options.test_data, options.calibration_data, classifier.labels)
    is_grey = classifier.backend.input.shape[1 if fed.layout == "nchw" else 3] == 1 or fed.grey
    preprocessing = replace(classifier.preprocessing, channels=1 if is_grey else 3)
    verified = sorted(
        f"{image.sha256} {image.label}" for image in external.images if image.split == "test"
    )
    parts = (sha256_of(content), classifier.labels, preprocessing, fed, options.batch, verified)
    identity = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()
    manifest = Manifest(
        classifier.manifest.name,
        classifier.labels,
        preprocessing,
        (Artifact(cleaned.name, "onnx", "fp32", identity),),
        {"versions": versions(*PACKAGES)},
    )
    model = OnnxModel(cleaned, fed, classifier.model.classes, classifier.model.is_single)
    normalization = None if fed.normalization == UNNORMALIZED else fed.normalization
    notes = (classifier.remark, *external.notes) if classifier.remark else external.notes
    return TrainedRun(
        path,
        external.root,
        manifest,
        external.images,
        cleaned,
        Wrapping(normalization),
        notes,
        model,
        options.spec,
    )


def _remove_old(folder: Path) -> None:
    for file in folder.glob("*.onnx"):
        with suppress(OSError):  # another export may be removing it too
            if file.stat().st_mtime < time.time() - KEPT_S:
                file.unlink()
