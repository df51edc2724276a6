"""Lists the recipes by name: the head put on a backbone, and how it is trained by default."""

from dataclasses import dataclass
from typing import Literal

RecipeName = Literal["quince", "article"]
Thaw = int | Literal["all"]
"""How many of the last blocks are fine-tuned with the head, at least one; or all layers."""
MOMENTUM = 0.9
"""The default of Adam's beta_1 (Kingma and Ba, ICLR 2015)."""


@dataclass(frozen=True)
class Recipe:
    """Describes one recipe. Rates are Adam's.

    solve_head: the head is solved on frozen features (train.fitting.solved_head), unless a number
        of head epochs is set; otherwise it is trained by gradient descent.
    hidden: units of a Dense layer between the flattened features and the scores; None: the features
        are averaged, and there is no such layer.
    thaw: the number of last blocks that are fine-tuned; None: the backbone decides.
    average: while blocks are fine-tuned, a running average of the weights is validated and kept;
        it keeps this fraction of itself at each step. None: the weights of the last step are.
    label_smoothing: of the targets while blocks are fine-tuned.
    patience: a stage ends after so many epochs without a lower validation loss; None: it does not,
        because the rate falls to zero within a stage, and the last epochs settle the weights.
    """

    solve_head: bool
    head_epochs: int
    epochs: int
    head_rate: float
    rate: float
    dropout: float
    hidden: int | None
    thaw: int | None
    average: float | None
    label_smoothing: float
    patience: int | None


RECIPES: dict[RecipeName, Recipe] = {
    "quince": Recipe(
        solve_head=True,
        head_epochs=5,
        epochs=8,
        head_rate=3e-3,
        rate=4e-4,
        dropout=0.2,
        hidden=None,
        thaw=None,
        average=0.98,
        label_smoothing=0.1,
        patience=None,
    ),
    "article": Recipe(
        solve_head=False,
        head_epochs=5,
        epochs=8,
        head_rate=1e-3,
        rate=1e-5,
        dropout=0.5,
        hidden=519,
        thaw=1,
        average=None,
        label_smoothing=0.0,
        patience=4,
    ),
}
"""article: VGG16 without its top, Flatten, Dense(519, relu), Dropout(0.5), softmax, 13 epochs. The
head is trained on the frozen base, then the last convolutional block with it at a very small rate.
On any other backbone the last block takes the place of VGG16's block5.

quince: the head is solved, then fine-tuned with the last blocks: linear probing, then fine-tuning
(Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution",
ICLR 2022)."""
