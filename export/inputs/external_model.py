"""Opens an external model, with labels and images beside it, as if it were a run folder."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from export.graph.wrapping import NO_WRAPPING, Wrapping
from export.inputs.external_images import find_external_images
from export.inputs.keras2 import check_keras2_file, is_hdf5, saved_model_of
from export.inputs.sandbox import try_loading
from export.inputs.saved_model_files import check_saved_model_folder, digest_folder, is_saved_model
from export.inputs.trained_run import TrainedRun
from runtime.errors import InputRefused, naming
from runtime.images.preprocessing import Fit, Preprocessing
from runtime.models.labels import check_label_count, make_labels_unique, read_labels
from runtime.models.manifest import Artifact, Manifest
from runtime.models.normalization import UNNORMALIZED
from runtime.shared.progress import Progress
from runtime.sources.paths import subfolders
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import require_packages
from runtime.system.provenance import KERAS_PACKAGES, versions
from workstation.keras_archive import check_keras_file
from workstation.run_folder import MODEL, ImageRecord

SCALED_TWICE = (
    "starts with a layer that scales pixels (Rescaling or Normalization), and --normalize scales"
    " them once more; if that was not in its training, leave --normalize out"
)


@dataclass(frozen=True)
class ExternalModelOptions:
    """Everything that a run folder would say about a model.

    labels: a file with a class name on each line, or the names.
    test_data: a folder per class of images that the model was not trained with.
    calibration_data: a folder of images for the representative dataset, if an artifact needs one.
    preparation: what is put before and after the model.
    remark: what Quince does otherwise than files beside the model state; may be empty.
    """

    labels: Path | tuple[str, ...]
    test_data: Path
    calibration_data: Path | None = None
    fit: Fit = "crop"
    preparation: Wrapping = NO_WRAPPING
    remark: str = ""


def is_external(path: Path) -> bool:
    """Whether `path` is, or is meant to be, an external model rather than a run folder."""
    return path.is_file() or path.suffix in (".keras", ".h5", ".onnx") or is_saved_model(path)


def open_external_model(path: Path, options: ExternalModelOptions) -> TrainedRun:
    """Opens the `.keras` file, `.h5` file of Keras 2, or SavedModel folder at `path`.

    Raises:
        InputRefused: the model, the labels or the images cannot be used.
        CheckFailed: the model has weights that are NaN or infinite.
        MachineError: a package is missing.
    """
    if is_saved_model(path):
        check_saved_model_folder(path)
        content = digest_folder(path)
    else:
        check_model_file(path)
        content = sha256_of(path.read_bytes())
    folders = subfolders(options.test_data) if options.test_data.is_dir() else []
    if isinstance(options.labels, Path):
        labels = read_labels(options.labels, [folder.name for folder in folders])
    else:
        labels = make_labels_unique(options.labels)
    external = find_external_images(options.test_data, options.calibration_data, labels)
    require_packages("export", "export", "tensorflow", "keras")
    model = saved_model_of(path) if is_hdf5(path) else path
    with Progress("try the model", 1) as bar, naming(path):
        preparation = replace(options.preparation, classes=len(labels))
        signature = try_loading(model, preparation)
        bar.advance()
    labels_from = options.labels if isinstance(options.labels, Path) else path
    check_label_count(labels_from, labels, signature.classes)
    preprocessing = Preprocessing(
        signature.height, signature.width, options.fit, signature.channels
    )
    identity = _identity(content, labels, preprocessing, preparation, external.images)
    manifest = Manifest(
        path.resolve().stem,
        labels,
        preprocessing,
        (Artifact(MODEL, "keras", "fp32", identity),),
        {"versions": versions(*KERAS_PACKAGES)},
    )
    notes = (options.remark, *external.notes) if options.remark else external.notes
    if signature.scales_pixels and options.preparation.normalization not in (None, UNNORMALIZED):
        notes = (f"{path}: {SCALED_TWICE}", *notes)
    return TrainedRun(path, external.root, manifest, external.images, model, preparation, notes)


def check_model_file(path: Path) -> None:
    """Checks a model file without loading it.

    Raises:
        InputRefused: see `check_keras_file` and `check_keras2_file`.
    """
    if is_hdf5(path) and path.suffix != ".keras":
        check_keras2_file(path)
    else:
        check_keras_file(path)


def _identity(
    content: str,
    labels: tuple[str, ...],
    preprocessing: Preprocessing,
    preparation: Wrapping,
    images: tuple[ImageRecord, ...],
) -> str:
    """Returns one SHA-256 over the model and everything that decides its scores and accuracy."""
    verified = sorted(f"{image.sha256} {image.label}" for image in images if image.split == "test")
    text = repr((content, labels, asdict(preprocessing), preparation, verified))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def require_external(
    path: Path, labels: Path | tuple[str, ...] | None, test_data: Path | None
) -> tuple[Path | tuple[str, ...], Path]:
    """Returns the two options that an external model needs.

    Raises:
        InputRefused: one is missing.
    """
    if labels is None:
        raise missing_option(path, "--labels FILE")
    if test_data is None:
        raise missing_option(path, "--test-data FOLDER")
    return labels, test_data


def missing_option(path: Path, flag: str) -> InputRefused:
    """Returns the error that an external model needs an option."""
    return InputRefused(
        str(path),
        f"a model that is in no run folder needs {flag}; or give the run folder that it is in",
    )
