"""Watches over the steps of a training: shows progress, records epochs, and stops at the first loss that shows divergence."""

import time
from pathlib import Path
from typing import Any

import keras

from runtime.errors import CheckFailed
from runtime.progress import Progress
from train.epoch import Epoch
from train.stages import Stage

DIVERGED = 1e6
"""No cross-entropy of a model that learns comes near this; one that a too large rate has broken passes it and need never be NaN."""


class Watch(keras.callbacks.Callback):
    """Adds each epoch of a stage to `history`; `partial` is where the weights of the epoch before are kept.

    Raises CheckFailed at a loss that is NaN, infinite or over a million.
    """

    def __init__(self, stage: Stage, history: list[Epoch], bar: Progress, partial: Path) -> None:
        super().__init__()
        self._stage, self._history, self._bar, self._partial = stage, history, bar, partial
        self._epoch, self._start, self._logs = 1, 0.0, {"loss": 0.0, "accuracy": 0.0}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the time."""
        self._epoch, self._start = epoch + 1, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the loss after a step."""
        loss = float((logs or {})["loss"])
        self._require_sound("loss", loss, f"epoch {self._epoch}, step {batch + 1}")
        self._bar.advance(note=self._note(loss))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes what the epoch gave."""
        self._logs = {name: float((logs or {})[name]) for name in ("loss", "accuracy")}

    def validated(self, loss: float, accuracy: float) -> None:
        """Looks at the validation loss of the epoch that is over, and records the epoch."""
        self._require_sound("validation loss", loss, f"epoch {self._epoch}, its last step")
        seconds = time.monotonic() - self._start
        self._history.append(Epoch(self._stage.name, self._epoch, **self._logs, val_loss=loss, val_accuracy=accuracy, seconds=seconds))
        self._bar.advance(0, self._note(self._logs["loss"]))

    def _require_sound(self, name: str, loss: float, where: str) -> None:
        if loss <= DIVERGED:
            return
        what = f"the {name} became {loss:.4g} in stage '{self._stage.name}', {where}; lower --head-rate and --rate"
        if self._history:
            what += f": with --resume that goes on from {self._history[-1]}, whose weights are kept in {self._partial}"
        raise CheckFailed("training", what)

    def _note(self, loss: float) -> str:
        last = self._history[-1] if self._history else None
        validation = f" val {last.val_accuracy:.3f}" if last else ""
        return f"epoch {self._epoch} loss {loss:.3f}{validation}"
