"""The recipes by name: the head that is put on a backbone, and how it is trained where the user does not say."""

from dataclasses import dataclass
from typing import Literal

RecipeName = Literal["quince", "article"]
Thaw = int | Literal["all"]
"""How many of a backbone's last blocks are fine-tuned with the head, at least one; or every layer."""


@dataclass(frozen=True)
class Recipe:
    """One row. Rates are Adam's.

    hidden: units of a Dense layer between features and scores, and the features are flattened; None: they are averaged, and no such layer.
    thaw: the last blocks that are fine-tuned; None leaves it to the backbone.
    average: while these are fine-tuned, what is validated and kept is a running average of the weights, that keeps this part of itself at
        each step; None: the weights of the last step.
    """

    head_epochs: int
    epochs: int
    head_rate: float
    rate: float
    dropout: float
    hidden: int | None
    thaw: int | None
    average: float | None


RECIPES: dict[RecipeName, Recipe] = {
    "quince": Recipe(head_epochs=5, epochs=8, head_rate=3e-3, rate=4e-4, dropout=0.2, hidden=None, thaw=None, average=0.98),
    "article": Recipe(head_epochs=5, epochs=8, head_rate=1e-3, rate=1e-5, dropout=0.5, hidden=519, thaw=1, average=None),
}
"""article: VGG16 without its top, Flatten, Dense(519, relu), Dropout(0.5), softmax; the head trained on the frozen base, then the last
convolutional block with it at a very small rate; 13 epochs. On any other backbone the last block takes the place of VGG16's block5.

quince: a head that is trained for long knows the training pictures by heart before anything is thawed, and leaves little to learn: with
15 epochs instead of 5, EfficientNet-Lite0 had 0.957 instead of 0.983 of fruits360-16 after six epochs of fine-tuning."""
