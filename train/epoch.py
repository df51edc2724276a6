"""What one epoch gave."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One epoch of one stage: cross-entropy losses, accuracies in 0..1, and how long it took."""

    stage: str
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.stage} epoch {self.epoch}"
