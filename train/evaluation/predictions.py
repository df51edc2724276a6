"""Reads and writes a model's predictions on labelled images, the table test_predictions.csv."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import CheckFailed
from runtime.system.json_records import read_text
from workstation.run_folder import MODEL, ImageRecord, write_table

PREDICTIONS = "test_predictions.csv"
COLUMNS = ("path", "label", "predicted", "score", "sha256", "group")


@dataclass(frozen=True)
class LabelledPrediction:
    """Holds the prediction for one image.

    path: below the data folder.
    label: the class of the image.
    predicted: the class that the model predicts.
    score: the probability of the predicted class, 0..1.
    sha256: of the file's content.
    group: the object that the image shows, as in ImageRecord.
    """

    path: str
    label: str
    predicted: str
    score: float
    sha256: str
    group: str = ""

    @property
    def correct(self) -> bool:
        """Tells whether the predicted class is the image's."""
        return self.predicted == self.label


def label_predictions(
    labels: Sequence[str], images: Sequence[ImageRecord], scores: NDArray[np.float32]
) -> list[LabelledPrediction]:
    """Returns the predictions for n images with (n, classes) probabilities.

    Raises:
        CheckFailed: a probability is not a finite number.
    """
    if not np.isfinite(scores).all():
        raise CheckFailed(MODEL, "the model answered NaN or infinity")
    return [
        LabelledPrediction(
            image.path, image.label, labels[best], float(row[best]), image.sha256, image.group
        )
        for image, best, row in zip(images, scores.argmax(1).tolist(), scores, strict=True)
    ]


def write_predictions(path: Path, predictions: Sequence[LabelledPrediction]) -> None:
    """Writes the table, with one row per image."""
    rows = (
        [image.path, image.label, image.predicted, f"{image.score:.6f}", image.sha256, image.group]
        for image in predictions
    )
    write_table(path, COLUMNS, rows)


def read_predictions(path: Path) -> list[LabelledPrediction]:
    """Reads a table of `write_predictions`."""
    text = read_text(path, "no predictions", errors="surrogateescape")
    return [
        LabelledPrediction(
            row["path"],
            row["label"],
            row["predicted"],
            float(row["score"]),
            row["sha256"],
            row.get("group") or "",
        )
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]
