"""Fills in the options that are left to the recipe and the backbone."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from runtime.errors import InputRefused
from train.backbones.registry import BACKBONES, OFFLINE, find_backbone
from train.configuration.options import Features, TrainOptions
from train.configuration.recipes import MOMENTUM, RECIPES, Thaw

SMALL = "simple-cnn"
SCRATCH_VARIANTS = 3
"""Variants where all layers learn: they are pixels then, and take much space on disk."""
MIN_VARIANTS = 2
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class ResolvedOptions:
    """Holds the options that have a default by recipe or backbone, none of them open.

    weights: `imagenet`, `none` or the name of a file. patience: None ends no stage early.
    solve_head, hidden, average, label_smoothing: see Recipe. A solved head counts as one epoch.
    """

    weights: str
    width: float
    features: Features
    thaw: Thaw
    solve_head: bool
    head_epochs: int
    epochs: int
    head_rate: float
    rate: float
    dropout: float
    momentum: float
    hidden: int | None
    average: float | None
    variants: int
    label_smoothing: float
    patience: int | None

    @property
    def pretrained(self) -> bool:
        """Returns whether the backbone begins with weights that were trained before."""
        return self.weights != "none"

    @property
    def weights_file(self) -> Path | None:
        """Returns the file that holds the weights, or None if they come from no file."""
        return None if self.weights in ("none", "imagenet") else Path(self.weights)


def resolve_options(options: TrainOptions) -> ResolvedOptions:
    """Returns `options` with each None replaced by the value of the recipe or the backbone.

    Raises:
        InputRefused: options contradict each other.
    """
    backbone, recipe = find_backbone(options.backbone), RECIPES[options.recipe]
    weights = options.weights or ("imagenet" if backbone.pretrained else "none")
    if weights == "imagenet" and not backbone.pretrained:
        raise InputRefused(
            "--weights",
            f"{options.backbone} has no ImageNet weights; take none, a file, "
            f"or {', '.join(OFFLINE)}",
        )
    if weights != "none" and options.channels == 1:
        raise InputRefused(
            "--channels",
            f"expected 3 with pretrained weights, which take colours, found 1; add --weights none,"
            f" or take one of the networks without such weights, as --backbone {SMALL}",
        )
    if weights == "none" and options.thaw not in (None, "all"):
        raise InputRefused(
            "--thaw", "without pretrained weights all layers are trained at once; leave it out"
        )
    if options.features == "blocks" and (weights == "none" or recipe.hidden):
        raise InputRefused(
            "--features",
            "expected last from scratch and in the recipe article, found blocks; leave it out",
        )
    if options.hidden and not recipe.hidden:
        raise InputRefused(
            "--hidden", "only the recipe article has a hidden layer; add --recipe article"
        )
    width = _first(options.width_factor, 1.0)
    if options.width_factor is not None and not backbone.widths:
        names = ", ".join(name for name, row in BACKBONES.items() if row.widths)
        raise InputRefused(
            "--width-factor",
            f"{options.backbone} has only one width; backbones with several are {names}",
        )
    if weights == "imagenet" and backbone.widths and width not in backbone.widths:
        widths = ", ".join(map(str, backbone.widths))
        raise InputRefused(
            "--width-factor",
            f"{options.backbone} has ImageNet weights for {widths}, found {width}; "
            "or take --weights none",
        )
    solve_head = recipe.solve_head and weights != "none" and options.head_epochs is None
    epochs = _first(options.epochs, recipe.epochs)
    pretrained = weights != "none"
    return ResolvedOptions(
        weights=weights,
        width=width,
        features=options.features,
        thaw=options.thaw or recipe.thaw or backbone.thaw,
        solve_head=solve_head,
        head_epochs=1 if solve_head else _first(options.head_epochs, recipe.head_epochs),
        epochs=epochs,
        head_rate=_first(options.head_rate, recipe.head_rate),
        rate=_first(options.rate, recipe.rate),
        dropout=_first(options.dropout, recipe.dropout),
        momentum=_first(options.momentum, MOMENTUM),
        hidden=options.hidden or recipe.hidden,
        average=recipe.average,
        variants=_first(
            options.variants, max(MIN_VARIANTS, epochs) if pretrained else SCRATCH_VARIANTS
        ),
        patience=recipe.patience if options.patience is None else options.patience,
        label_smoothing=_first(
            options.label_smoothing, recipe.label_smoothing if pretrained else 0.0
        ),
    )


def _first(chosen: Number | None, default: Number) -> Number:
    return default if chosen is None else chosen
