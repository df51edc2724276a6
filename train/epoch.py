"""What one epoch gave, and which epoch's weights are the ones to keep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runtime.parity import Z95


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


def kept(history: Sequence[Epoch], pictures: int) -> Epoch:
    """The last epoch that so many validation pictures cannot tell from the one with the best accuracy.

    Rates fall to zero within a stage, so a later epoch is the quieter one, to be preferred of two that differ by chance only. Chance
    is what lies within the 95 % interval of the best accuracy, with two right and two wrong pictures added (Agresti and Coull, "Approximate
    is better than 'exact' for interval estimation of binomial proportions", The American Statistician 52, 1998, 119-126).
    """
    best = max(epoch.val_accuracy for epoch in history)
    fraction = (best * pictures + 2) / (pictures + 4)
    chance = Z95 * math.sqrt(fraction * (1 - fraction) / (pictures + 4))
    return [epoch for epoch in history if epoch.val_accuracy >= best - chance][-1]
