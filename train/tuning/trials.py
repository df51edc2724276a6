"""Holds the trials of a study as plain data, finds the best, and writes trials.csv."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.system.atomic_files import write_file
from train.tuning.search_space import Value

TRIALS = "trials.csv"
TrialOutcome = Literal["complete", "pruned", "diverged", "failed", "running", "waiting"]
"""pruned: stopped early because it was worse than most; failed: interrupted or killed."""


@dataclass(frozen=True)
class Trial:
    """Holds one training of a study.

    options: the values of the tuned options, by name.
    val_accuracy, val_loss: accuracy in 0..1 and cross-entropy of the weights that it kept, on the
        validation images; None before the first epoch.
    by_default: whether the options are those of a training without tuning.
    """

    number: int
    outcome: TrialOutcome
    options: Mapping[str, Value]
    val_accuracy: float | None
    val_loss: float | None
    epochs: int
    seconds: float | None
    by_default: bool = False

    @property
    def finished(self) -> bool:
        """Tells whether it completed, was stopped early or diverged, and so counts."""
        return self.outcome in ("complete", "pruned", "diverged")


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """Returns the complete trial with the highest validation accuracy.

    Of equal ones it takes the one with the lowest loss, then the first.
    """
    complete = [trial for trial in trials if trial.outcome == "complete"]
    return min(complete, key=_rank, default=None)


def _rank(trial: Trial) -> tuple[float, float, int]:
    return -(trial.val_accuracy or 0.0), trial.val_loss or 0.0, trial.number


def write_trials(folder: Path, trials: Sequence[Trial], names: Sequence[str]) -> None:
    """Writes trials.csv: a row per trial, with a column for each tuned option of `names`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "outcome", "val_accuracy", "val_loss", "epochs", "seconds", *names])
    for trial in trials:
        options = [trial.options.get(name) for name in names]
        results = [trial.val_accuracy, trial.val_loss, trial.epochs, trial.seconds]
        cells = ["" if value is None else value_text(value) for value in [*results, *options]]
        writer.writerow([trial.number, trial.outcome, *cells])
    write_file(folder / TRIALS, text.getvalue())


def value_text(value: Value) -> str:
    """Returns a number with at most six digits, or the text itself."""
    return value if isinstance(value, str) else f"{value:.6g}"
