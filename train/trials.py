"""The trials of a study as plain data, the best of them, and trials.csv."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.atomic import write_file

TRIALS = "trials.csv"
State = Literal["complete", "pruned", "diverged", "failed", "running", "waiting"]
"""pruned: stopped because it was worse than most; failed: interrupted or killed."""


@dataclass(frozen=True)
class Trial:
    """One training of a study: the options it was made with by name, and what its weights gave on the validation pictures.

    Accuracy in 0..1 and cross-entropy are those of its epoch with the lowest loss, None before the first; by_default: nothing was tuned.
    """

    number: int
    state: State
    options: Mapping[str, float]
    val_accuracy: float | None
    val_loss: float | None
    epochs: int
    seconds: float | None
    by_default: bool = False

    @property
    def over(self) -> bool:
        """Whether it counts: it came to its end, was stopped early, or diverged."""
        return self.state in ("complete", "pruned", "diverged")


def best(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial of the highest validation accuracy; among equals that of the lowest loss, then the first."""
    return min((trial for trial in trials if trial.state == "complete"), key=_rank, default=None)


def _rank(trial: Trial) -> tuple[float, float, int]:
    return -(trial.val_accuracy or 0.0), trial.val_loss or 0.0, trial.number


def write_trials(folder: Path, trials: Sequence[Trial], names: Sequence[str]) -> None:
    """Writes trials.csv: a row a trial, with a column for each tuned option of `names`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "val_accuracy", "val_loss", "epochs", "seconds", *names])
    for trial in trials:
        numbers = (trial.val_accuracy, trial.val_loss, trial.epochs, trial.seconds, *(trial.options.get(name) for name in names))
        writer.writerow([trial.number, trial.state, *("" if number is None else f"{number:.6g}" for number in numbers)])
    write_file(folder / TRIALS, text.getvalue())
