"""What a training goes through: which part of the network learns, for how long, at which rate."""

from dataclasses import dataclass

import keras

from runtime.errors import InputRefused
from train.blocks import block_ends
from train.settings import Settings

INPUT, POOL, FLATTEN = "pixels", "pool", "flatten"
"""The layers a network begins with and, one vector a picture, the head is trained on: features averaged, or the article's flattened."""


@dataclass(frozen=True)
class Stage:
    """One part of the training: everything after the layer `boundary` learns, everything before it is frozen. average: see Recipe."""

    name: str
    boundary: str
    rate: float
    epochs: int
    batch_norm: bool = False
    average: float | None = None


def stages(model: keras.Model, settings: Settings) -> tuple[Stage, ...]:
    """Head, then head and last blocks; or, for a backbone without pretrained weights, everything at once at the head's rate.

    Raises:
        InputRefused: more blocks are to be thawed than the backbone has.
    """
    if not settings.pretrained:
        return (Stage("all", INPUT, settings.head_rate, settings.head_epochs + settings.epochs, batch_norm=True),)
    head = Stage("head", _vector(settings), settings.head_rate, settings.head_epochs)
    thawed = Stage("fine-tune", _border(model, settings), settings.rate, settings.epochs, average=settings.average)
    return tuple(stage for stage in (head, thawed) if stage.epochs)


def blocks(model: keras.Model, settings: Settings) -> tuple[str, ...]:
    """The last layer of each block of the backbone in `model`, from the input on."""
    return block_ends(keras.Model(model.input, model.get_layer(_vector(settings)).input))


def _vector(settings: Settings) -> str:
    return FLATTEN if settings.hidden else POOL


def _border(model: keras.Model, settings: Settings) -> str:
    """The layer after which the thawed blocks begin."""
    if settings.thaw == "all":
        return INPUT
    ends = blocks(model, settings)
    if settings.thaw > len(ends):
        raise InputRefused("--thaw", f"the backbone has {len(ends)} blocks, found {settings.thaw}; all thaws every layer")
    return INPUT if settings.thaw == len(ends) else ends[-settings.thaw - 1]
