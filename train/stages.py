"""What a training goes through: which part of the network learns, for how long, at which rate."""

from dataclasses import dataclass

from train.backbones import Backbone
from train.options import TrainOptions

INPUT, POOL = "pixels", "pool"
"""The layers a network begins with and, one vector a picture, the head is trained on."""


@dataclass(frozen=True)
class Stage:
    """One part of the training: everything after the layer `boundary` learns, everything before it is frozen."""

    name: str
    boundary: str
    rate: float
    epochs: int
    batch_norm: bool = False


def stages(backbone: Backbone, options: TrainOptions) -> tuple[Stage, ...]:
    """Head, then head and last blocks; or, for a backbone without pretrained weights, everything at once at the head's rate."""
    if backbone.weights is None or backbone.thaw_after is None:
        return (Stage("all", INPUT, options.head_rate, options.head_epochs + options.epochs, batch_norm=True),)
    head = Stage("head", POOL, options.head_rate, options.head_epochs)
    thawed = Stage("fine-tune", backbone.thaw_after, options.rate, options.epochs)
    return tuple(stage for stage in (head, thawed) if stage.epochs)
