"""What a model says of pictures whose class is known, as rows and as a table: test_predictions.csv."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import CheckFailed
from runtime.records import read_text
from runtime.run_folder import Picture, write_table

PREDICTIONS = "test_predictions.csv"
COLUMNS = ("path", "label", "predicted", "score", "sha256")


@dataclass(frozen=True)
class Judged:
    """One picture: its path below the data folder, its class, the class the model says, that one's score, 0..1, and its content hash."""

    path: str
    label: str
    said: str
    score: float
    sha256: str

    @property
    def right(self) -> bool:
        """Whether the class said is the picture's."""
        return self.said == self.label


def judge(labels: Sequence[str], pictures: Sequence[Picture], scores: NDArray[np.float32]) -> list[Judged]:
    """What (n, classes) scores say of n pictures.

    Raises:
        CheckFailed: a score is not a finite number.
    """
    if not np.isfinite(scores).all():
        raise CheckFailed("model.keras", "the model answered NaN or infinity")
    said = scores.argmax(1).tolist()
    return [
        Judged(picture.path, picture.label, labels[best], float(row[best]), picture.sha256)
        for picture, best, row in zip(pictures, said, scores, strict=True)
    ]


def write_judged(path: Path, judged: Sequence[Judged]) -> None:
    """Writes the table: one row a picture, in their order."""
    write_table(path, COLUMNS, ([one.path, one.label, one.said, f"{one.score:.6f}", one.sha256] for one in judged))


def read_judged(path: Path) -> list[Judged]:
    """What `write_judged` wrote."""
    rows = csv.DictReader(io.StringIO(read_text(path, "no predictions", errors="surrogateescape"), newline=""))
    return [Judged(row["path"], row["label"], row["predicted"], float(row["score"]), row["sha256"]) for row in rows]
