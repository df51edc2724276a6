"""Watches a training: shows progress, records epochs, and stops it when the loss diverges."""

import time
from pathlib import Path
from typing import Any

import keras

from runtime.cli.signals import raise_received
from runtime.errors import CheckFailed
from runtime.shared.progress import Progress
from train.checkpoints.history import Epoch
from train.distribution.strategy import DistributionStrategy
from train.fitting.schedule import Stage

MAX_LOSS = 1e6
"""The cross-entropy of a model that learns stays far below this.

A too large learning rate drives the loss above it, without ever making it NaN.
"""


class TrainingCallback(keras.callbacks.Callback):
    """Adds each epoch of a stage to `history`.

    `checkpoint` is the file that keeps the weights of the epoch before; an error names it. Losses
    and accuracies are the means over the workers, so all of them stop at the same step.

    Raises:
        CheckFailed: a loss is NaN, infinite or above MAX_LOSS.
        KeyboardInterrupt, SystemExit: a signal arrived.
    """

    def __init__(
        self,
        stage: Stage,
        history: list[Epoch],
        bar: Progress,
        checkpoint: Path,
        strategy: DistributionStrategy,
    ) -> None:
        super().__init__()
        self._stage, self._history, self._bar, self._checkpoint = stage, history, bar, checkpoint
        self._mean = strategy.mean
        self._epoch, self._started_at = 1, 0.0
        self._loss, self._accuracy = 0.0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock of an epoch."""
        self._epoch, self._started_at = epoch + 1, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the loss after a step, and shows it; a signal ends the training here."""
        raise_received()
        (loss,) = self._mean(float((logs or {})["loss"]))
        self._require_converging("loss", loss, f"step {batch + 1}")
        self._bar.advance(note=self._note(loss))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the training loss and accuracy of an epoch."""
        results = logs or {}
        self._loss, self._accuracy = self._mean(float(results["loss"]), float(results["accuracy"]))

    def record_epoch(self, val_loss: float, val_accuracy: float) -> None:
        """Checks the validation loss of the finished epoch, and adds the epoch to the history."""
        self._require_converging("validation loss", val_loss, "after its last step")
        self._history.append(
            Epoch(
                self._stage.name,
                self._epoch,
                self._loss,
                self._accuracy,
                val_loss,
                val_accuracy,
                seconds=time.monotonic() - self._started_at,
            )
        )
        self._bar.advance(0, self._note(self._loss))

    def _require_converging(self, name: str, loss: float, position: str) -> None:
        if loss <= MAX_LOSS:
            return
        reason = (
            f"the {name} became {loss:.4g} in stage '{self._stage.name}', epoch {self._epoch}, "
            f"{position}; lower --head-rate and --rate"
        )
        if self._history:
            reason += (
                f", and --resume continues after {self._history[-1]}, "
                f"whose weights are in {self._checkpoint}"
            )
        raise CheckFailed("training", reason)

    def _note(self, loss: float) -> str:
        note = f"epoch {self._epoch} loss {loss:.3f}"
        if self._history:
            note += f" val {self._history[-1].val_accuracy:.3f}"
        return note
