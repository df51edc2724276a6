"""A model of someone else's, with labels and pictures given beside it, opened as if it were a run folder."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from export.foreign_pictures import find_pictures
from export.load_trial import try_loading
from export.preparation import UNCHANGED, Preparation
from export.saved_model_folder import check_saved_model_folder, digest_folder, is_saved_model
from export.signature import Signature
from export.trained import Run
from runtime.digest import digest
from runtime.errors import InputRefused
from runtime.keras_file import check_keras_file
from runtime.labels_file import check_count, read_labels
from runtime.manifest import Artifact, Manifest
from runtime.plugins import require
from runtime.preprocess import Fit, Preprocessing
from runtime.progress import Progress
from runtime.provenance import KERAS_PACKAGES, versions
from runtime.run_folder import MODEL

_tried: dict[tuple[str, Preparation], Signature] = {}
"""Loading in a child takes seconds, and is done once for one content and preparation, however many artifacts are made."""


@dataclass(frozen=True)
class ForeignOptions:
    """What a run folder would say of a model: class names, pictures, geometry, and what comes before and after the model.

    calib: a folder of pictures for the representative dataset; may be None where no artifact needs one.
    verify: a folder per class of pictures that the model was not trained with.
    """

    labels: Path
    verify: Path
    calib: Path | None = None
    fit: Fit = "crop"
    preparation: Preparation = UNCHANGED


def is_foreign(path: Path) -> bool:
    """Whether `path` is a model of someone else's rather than a run folder, or is meant to be one."""
    return path.is_file() or path.suffix in (".keras", ".h5") or is_saved_model(path)


def open_foreign(path: Path, options: ForeignOptions) -> Run:
    """Opens the `.keras` file or SavedModel folder at `path`.

    Raises:
        InputRefused: the model, the labels or the pictures cannot be used.
        CheckFailed: the model has weights that are NaN or infinite.
        MachineError: a package is missing.
    """
    if is_saved_model(path):
        check_saved_model_folder(path)
        content = digest_folder(path)
    else:
        check_keras_file(path)
        content = digest(path.read_bytes())
    labels = read_labels(options.labels)
    data, pictures = find_pictures(options.verify, options.calib, labels)
    require("export", "export", "tensorflow", "keras")
    if (content, options.preparation) not in _tried:
        with Progress("try the model", 1) as bar:
            _tried[content, options.preparation] = try_loading(path, options.preparation)
            bar.advance()
    signature = _tried[content, options.preparation]
    check_count(options.labels, labels, signature.classes)
    preprocessing = Preprocessing(signature.height, signature.width, options.fit)
    verified = sorted(f"{picture.sha256} {picture.label}" for picture in pictures if picture.split == "test")
    identity = hashlib.sha256(
        repr((content, labels, asdict(preprocessing), options.preparation, verified)).encode("utf-8", "surrogatepass")
    )
    artifact = Artifact(MODEL, "keras", "fp32", identity.hexdigest())
    provenance = {"versions": versions(*KERAS_PACKAGES)}
    manifest = Manifest(path.resolve().stem, labels, preprocessing, (artifact,), provenance)
    return Run(path, data, manifest, pictures, path, options.preparation)


def require_foreign(path: Path, labels: Path | None, verify: Path | None) -> tuple[Path, Path]:
    """The two options that a model of someone else's needs.

    Raises:
        InputRefused: one is missing.
    """
    for flag, value in (("--labels FILE", labels), ("--verify FOLDER", verify)):
        if value is None:
            raise InputRefused(str(path), f"a model that is in no run folder needs {flag}; or give the run folder that it is in")
    assert labels is not None
    assert verify is not None
    return labels, verify
