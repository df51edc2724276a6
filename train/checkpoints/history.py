"""Records the epochs of a training, and selects the epoch whose weights are kept."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from runtime.shared.statistics import Z95
from runtime.system.atomic_files import write_file


@dataclass(frozen=True)
class Epoch:
    """Records one epoch of one stage: its cross-entropy losses, accuracies in 0..1, and time."""

    stage: str
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.stage} epoch {self.epoch}"


def select_best_epoch(history: Sequence[Epoch], objects: int) -> Epoch:
    """Returns the last epoch that is as accurate as the best one, within chance.

    Learning rates fall to zero within a stage, so if two epochs differ only by chance, the later
    one is steadier. The validation loss is a worse judge where validation shows few objects or
    other conditions than the test: it grows with confidence, which export takes back
    (export.parity.confidence_fit). After epoch 4 of 8 on grocery-fruit (128 px, 111 validation
    images) the lowest loss of all epochs, and of averages of their weights with those of the solved
    head, belongs to an average with a test accuracy of 0.688; the last epoch has 0.729. After epoch
    2 on three kinds of fruit with 4 varieties for validation and others for testing, it is 0.767
    against 0.988.

    A difference is chance if it lies within the 95 % interval of the best accuracy on images of
    `objects` validation objects, with two right and two wrong added (Agresti and Coull,
    "Approximate is better than 'exact' for interval estimation of binomial proportions", The
    American Statistician 52, 1998, 119-126).
    """
    best = max(epoch.val_accuracy for epoch in history)
    fraction = (best * objects + 2) / (objects + 4)
    margin = Z95 * math.sqrt(fraction * (1 - fraction) / (objects + 4))
    return [epoch for epoch in history if epoch.val_accuracy >= best - margin][-1]


def write_history(run: Path, history: Sequence[Epoch]) -> None:
    """Writes history.csv, one row for each epoch, into the run folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Epoch))
    for epoch in history:
        values = astuple(epoch)
        writer.writerow(f"{value:.6g}" if isinstance(value, float) else value for value in values)
    write_file(run / "history.csv", text.getvalue())
