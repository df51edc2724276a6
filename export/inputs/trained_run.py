"""Opens a run folder: its manifest, its Keras model and its images, each checked by its hash."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.graph.onnx_model import OnnxModel
from export.graph.wrapping import NO_WRAPPING, Wrapping
from runtime.errors import InputRefused
from runtime.models.manifest import Manifest
from runtime.models.model_spec import ModelSpec
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import require_packages
from workstation.keras_archive import check_keras_file
from workstation.run_folder import MODEL, ImageRecord, Split, data_folder, read_run, read_unchanged

KERAS = "Keras"


@dataclass(frozen=True)
class TrainedRun:
    """A model with the images to calibrate and to compare it on.

    path: of the run folder, or of an external model. data: the folder that the images lie in.
    model: the Keras file or SavedModel; in the cache if it was made of an `.h5` file.
    preparation: what is put around an external model. notes: on images of an external model that
        were left out, each in one line. onnx, onnx_spec: of an external `.onnx` model, what is
    converted and what the user stated.
    """

    path: Path
    data: Path
    manifest: Manifest
    images: tuple[ImageRecord, ...]
    model: Path
    preparation: Wrapping = NO_WRAPPING
    notes: tuple[str, ...] = ()
    onnx: OnnxModel | None = None
    onnx_spec: ModelSpec | None = None

    @property
    def is_external(self) -> bool:
        """Whether the model is in no run folder."""
        return self.model.parent != self.path

    @property
    def is_one_class(self) -> bool:
        """Whether the model tells its only class from all else."""
        return len(self.manifest.labels) == 1

    @property
    def reference(self) -> str:
        """Names the model that artifacts are compared with."""
        return "float ONNX" if self.onnx else KERAS

    @property
    def model_sha256(self) -> str:
        """The identity of the trained model."""
        return self.manifest.artifacts[0].sha256

    @property
    def images_sha256(self) -> str:
        """The identity of the images that artifacts are calibrated and compared on."""
        rows = sorted(f"{image.split} {image.label} {image.sha256}" for image in self.images)
        return sha256_of("\n".join(rows).encode("utf-8", "surrogatepass"))

    def split(self, name: Split) -> list[ImageRecord]:
        """Returns the images of one split.

        Raises:
            InputRefused: it has none.
        """
        images = [image for image in self.images if image.split == name]
        if not images:
            reason = f"its images.csv lists no {name} images"
            if self.is_external:
                reason = f"--calibration-data was not given, and there are no {name} images"
            raise InputRefused(str(self.path), reason)
        return images

    def read(self, image: ImageRecord) -> bytes:
        """Returns the content of an image's file.

        Raises:
            InputRefused: the file is gone, or its content has changed.
        """
        return read_unchanged(self.data, image)


def open_run(path: Path, data: Path | None) -> TrainedRun:
    """Opens a run folder; `data` is where its images are now, if they moved.

    Raises:
        InputRefused: not a run folder, or its model is missing, cut, not a Keras file, or changed.
    """
    if path.is_file():
        check_keras_file(path)
        raise InputRefused(
            str(path),
            "a Keras file; give the run folder that it is in, or its --labels,"
            " --calibration-data and --test-data",
        )
    manifest, images = read_run(path)
    require_packages("export", "export", "tensorflow", "keras")
    check_keras_file(path / MODEL)
    return TrainedRun(path, data_folder(manifest, data), manifest, images, path / MODEL)


def stratified_sample(images: list[ImageRecord], count: int, seed: int) -> list[ImageRecord]:
    """Returns at most `count` images, as evenly over the classes as they allow.

    The images are shuffled; then one of each class is taken in turn.
    """
    shuffled = np.random.default_rng(seed).permutation(np.arange(len(images)))
    rank: dict[str, int] = {}
    order = []
    for index in shuffled:
        label = images[index].label
        rank[label] = rank.get(label, 0) + 1
        order.append((rank[label], label, int(index)))
    return [images[index] for _, _, index in sorted(order)[:count]]
