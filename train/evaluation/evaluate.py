"""Evaluates the Keras model of a run folder on labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runtime.errors import InputRefused
from runtime.images.preprocessing import preprocess
from runtime.models.manifest import Manifest
from runtime.system.lazy_loading import require_packages, requires_extra
from runtime.system.terminal import quiet
from train.evaluation.labelled_images import list_labelled_images, read_batches
from train.evaluation.metrics import Metrics, compute_metrics, confident_mistakes
from train.evaluation.predictions import LabelledPrediction, label_predictions
from workstation.keras_setup import prepare_tensorflow
from workstation.run_folder import ImageRecord, data_folder, read_run

if TYPE_CHECKING:
    from train.evaluation.keras_classifier import KerasClassifier

MAX_MISTAKES = 10


@dataclass(frozen=True)
class Evaluation:
    """Holds the result of an evaluation, as `--json` prints it.

    own_test: whether the images are the run's own test images.
    trained_on: how many of the images took part in the training.
    refused: how many files cannot be used.
    mistakes: the wrong answers with the highest scores.
    """

    run: str
    image_folder: str
    own_test: bool
    trained_on: int
    refused: int
    scorecard: Metrics
    mistakes: tuple[LabelledPrediction, ...]

    def warnings(self) -> list[str]:
        """Returns sentences on what makes the result less reliable."""
        if not self.trained_on:
            return []
        return [
            f"{self.trained_on} of {self.scorecard.images} images took part in the training, "
            "so the accuracy is too high"
        ]


@dataclass(frozen=True)
class EvaluatedImages:
    """Holds an evaluation with all that a page about it needs."""

    evaluation: Evaluation
    manifest: Manifest
    predictions: tuple[LabelledPrediction, ...]
    refused: tuple[ImageRecord, ...]

    def pixels(self, prediction: LabelledPrediction) -> NDArray[np.uint8]:
        """Returns the (height, width, 3) uint8 RGB pixels of an evaluated image.

        Raises:
            ImageRefused: the file is gone.
        """
        path = Path(self.evaluation.image_folder) / prediction.path
        return preprocess(path, self.manifest.preprocessing)


def evaluate(run: Path, folder: Path | None, moved_to: Path | None) -> EvaluatedImages:
    """Evaluates `run` on the images of `folder`, or on its own test images, now below `moved_to`.

    Raises:
        InputRefused: the run or the folder cannot be used, or a test image is gone or has changed.
        CheckFailed: the model answered NaN.
        MachineError: a package is missing.
    """
    manifest, records = read_run(run)
    if folder is None:
        images = [image for image in records if image.split == "test"]
    else:
        images = list_labelled_images(folder, manifest.labels)
    if not images:
        raise InputRefused(
            str(run),
            "expected test images in its images.csv, found none; give a folder of images to use",
        )
    image_folder = folder or data_folder(manifest, moved_to)
    predictions, refused = _predict(run, manifest, image_folder, images)
    if not predictions:
        raise InputRefused(
            str(image_folder),
            f"none of its {len(images)} files can be used; "
            f"the first: {refused[0].path}: {refused[0].reason}",
        )
    trained_on = {image.sha256 for image in records if image.split in ("train", "val")}
    evaluation = Evaluation(
        run=str(run),
        image_folder=str(image_folder),
        own_test=folder is None,
        trained_on=sum(prediction.sha256 in trained_on for prediction in predictions),
        refused=len(refused),
        scorecard=compute_metrics(manifest.labels, predictions),
        mistakes=tuple(confident_mistakes(predictions, MAX_MISTAKES)),
    )
    return EvaluatedImages(evaluation, manifest, tuple(predictions), tuple(refused))


def load_trained(run: Path, manifest: Manifest) -> "KerasClassifier":
    """Loads the classifier of a run folder that `read_run` has checked.

    Raises:
        InputRefused: Keras cannot load it.
        MachineError: a package is missing.
    """
    if len(manifest.labels) == 1:
        raise InputRefused(
            str(run),
            "a model of one class: its answer is the similarity that export adds, and training has"
            " measured it; export it, then use run predict",
        )
    require_packages("a trained model", "train", "tensorflow", "keras")
    prepare_tensorflow()
    with quiet(), requires_extra("train", "a trained model"):
        from train.evaluation.keras_classifier import KerasClassifier
    return KerasClassifier(run, manifest)


def _predict(
    run: Path, manifest: Manifest, folder: Path, images: Sequence[ImageRecord]
) -> tuple[list[LabelledPrediction], list[ImageRecord]]:
    """Returns the predictions, and the images that cannot be read."""
    classifier = load_trained(run, manifest)
    predictions: list[LabelledPrediction] = []
    refused: list[ImageRecord] = []
    for batch in read_batches(folder, images, manifest.preprocessing):
        refused += [image for image, pixels in batch if pixels is None]
        readable = [(image, pixels) for image, pixels in batch if pixels is not None]
        if readable:
            scores = classifier.scores(np.stack([pixels for _, pixels in readable]))
            predictions += label_predictions(
                manifest.labels, [image for image, _ in readable], scores
            )
    return predictions, refused
