"""Plans a training: which part of the network learns, for how many epochs, at which rate."""

from dataclasses import dataclass

import keras

from runtime.errors import InputRefused
from train.backbones.blocks import block_ends
from train.configuration.recipes import MOMENTUM
from train.configuration.resolved_options import ResolvedOptions

INPUT, POOL, FLATTEN = "pixels", "pool", "flatten"
"""The name of a network's first layer, and of the layer before its head.

The latter averages the features of an image, or flattens them as in the article. With
`--features blocks` it joins the averages of several blocks.
"""
LAST_POOL = "pool_last"
"""The name of the layer that averages the last of several blocks."""
MAX_HEAD_VARIANTS = 2
"""Variants for the head stage. The next stage changes the head again, so more gain nothing."""


@dataclass(frozen=True)
class Stage:
    """Describes one part of a training: layers after `boundary` learn, those up to it do not.

    momentum: of Adam. average: that of the running average of the weights; see Recipe.
    solved: the layer after `boundary` is solved, not trained; the stage is one epoch.
    variants: of each image, which the epochs use in turn. label_smoothing: of the targets.
    patience: the stage ends after so many epochs without a lower validation loss.
    """

    name: str
    boundary: str
    rate: float
    epochs: int
    momentum: float = MOMENTUM
    batch_norm: bool = False
    average: float | None = None
    solved: bool = False
    variants: int = 1
    label_smoothing: float = 0.0
    patience: int | None = None


def training_stages(model: keras.Model, settings: ResolvedOptions) -> tuple[Stage, ...]:
    """Returns the stages: first the head, then the head with the last blocks.

    A backbone without pretrained weights has one stage, in which all layers learn at the rate of
    the head.

    Raises:
        InputRefused: the backbone has fewer blocks than are to be thawed.
    """
    if not settings.pretrained:
        epochs = settings.head_epochs + settings.epochs
        return (
            Stage(
                "all",
                INPUT,
                settings.head_rate,
                epochs,
                settings.momentum,
                batch_norm=True,
                variants=settings.variants,
                label_smoothing=settings.label_smoothing,
                patience=settings.patience,
            ),
        )
    head = Stage(
        "head",
        _head_input(settings),
        settings.head_rate,
        settings.head_epochs,
        settings.momentum,
        solved=settings.solve_head,
        variants=min(settings.variants, MAX_HEAD_VARIANTS),
        label_smoothing=0.0 if settings.solve_head else settings.label_smoothing,
        patience=settings.patience,
    )
    fine_tune = Stage(
        "fine-tune",
        _thaw_boundary(model, settings),
        settings.rate,
        settings.epochs,
        settings.momentum,
        average=settings.average,
        variants=settings.variants,
        label_smoothing=settings.label_smoothing,
        patience=settings.patience,
    )
    return tuple(stage for stage in (head, fine_tune) if stage.epochs)


def backbone_blocks(model: keras.Model, settings: ResolvedOptions) -> tuple[str, ...]:
    """Returns the name of the last layer of each backbone block, from the input on."""
    last = LAST_POOL if settings.features == "blocks" else _head_input(settings)
    return block_ends(keras.Model(model.input, model.get_layer(last).input))


def _head_input(settings: ResolvedOptions) -> str:
    return FLATTEN if settings.hidden else POOL


def _thaw_boundary(model: keras.Model, settings: ResolvedOptions) -> str:
    """Returns the name of the layer after which the thawed blocks begin."""
    if settings.thaw == "all":
        return INPUT
    ends = backbone_blocks(model, settings)
    if settings.thaw > len(ends):
        raise InputRefused(
            "--thaw",
            f"expected at most the backbone's {len(ends)} blocks, found {settings.thaw}; "
            "'all' thaws every layer",
        )
    return INPUT if settings.thaw == len(ends) else ends[-settings.thaw - 1]
