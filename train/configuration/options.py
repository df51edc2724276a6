"""Defines the options of a training and their limits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from runtime.errors import InputRefused
from runtime.images.preprocessing import Channels, Fit
from runtime.images.region import Region, any_region
from train.configuration.recipes import RECIPES, RecipeName, Thaw

Flip = Literal["none", "horizontal", "both"]
ClassWeights = Literal["none", "balanced"]
MixedPrecision = Literal["auto", "off"]
Grey16Rule = Literal["upper-bits", "data-range"]
Augment = float | Literal["auto"]
Features = Literal["last", "blocks"]

LIMITS: Mapping[str, tuple[float, float]] = {
    "input_size": (1, 4096),
    "width_factor": (0.1, 4),
    "head_epochs": (0, 10_000),
    "epochs": (0, 10_000),
    "head_rate": (0, math.inf),
    "rate": (0, math.inf),
    "momentum": (0, 0.999),
    "hidden": (1, 100_000),
    "batch": (1, 10_000),
    "variants": (1, 1000),
    "dropout": (0, 0.99),
    "augment": (0, 10),
    "label_smoothing": (0, 0.9),
    "patience": (0, 10_000),
    "seed": (0, 2**31),
}
"""The lowest and the highest value of each option; both are allowed."""
USED_BY_ONE_CLASS = frozenset(
    {"backbone", "weights", "width_factor", "input_size", "fit", "channels", "grey16", "region"}
    | {"test_fraction", "val_fraction", "seed", "group_by", "one_class"}
)
"""The options that mean something where nothing is trained."""


@dataclass(frozen=True)
class TrainOptions:
    """Holds everything that determines a training, except the images.

    Rates are Adam's; fractions are of images, 0..1; sizes are in pixels. The recipe, the backbone
    or the images decide on an option that is None: see `train.configuration.resolved_options`.
    """

    backbone: str = "efficientnet-lite0"
    weights: str | None = None
    width_factor: float | None = None
    recipe: RecipeName = "quince"
    features: Features = "last"
    thaw: Thaw | None = None
    input_size: int | None = None
    fit: Fit = "crop"
    channels: Channels = 3
    grey16: Grey16Rule = "upper-bits"
    region: Region | None = None
    head_epochs: int | None = None
    epochs: int | None = None
    head_rate: float | None = None
    rate: float | None = None
    momentum: float | None = None
    hidden: int | None = None
    batch: int = 32
    variants: int | None = None
    dropout: float | None = None
    flip: Flip = "horizontal"
    augment: Augment = "auto"
    patience: int | None = None
    label_smoothing: float | None = None
    class_weights: ClassWeights = "none"
    mixed_precision: MixedPrecision = "auto"
    test_fraction: float = 0.2
    val_fraction: float = 0.1
    seed: int = 7
    group_by: str | None = None
    one_class: bool = False

    def __post_init__(self) -> None:
        for name, (lowest, highest) in LIMITS.items():
            value = getattr(self, name)
            if value not in (None, "auto") and not lowest <= value <= highest:
                raise InputRefused(
                    f"--{name.replace('_', '-')}", f"expected {lowest} to {highest}, found {value}"
                )
        if self.channels not in get_args(Channels):
            raise InputRefused("--channels", f"expected 3 or 1, found {self.channels}")
        if self.region is not None:  # a text on the command line, a list in JSON
            object.__setattr__(self, "region", any_region(self.region))
        if self.recipe not in RECIPES:
            raise InputRefused("--recipe", f"expected {' or '.join(RECIPES)}, found {self.recipe}")
        if self.thaw is not None and self.thaw != "all" and self.thaw < 1:
            raise InputRefused(
                "--thaw", f"expected a number of blocks, at least 1, or all, found {self.thaw}"
            )
        if self.one_class:
            self._refuse_unused()
        if self.head_epochs == self.epochs == 0:
            raise InputRefused(
                "--epochs", "expected at least one epoch, here or in --head-epochs, found none"
            )

    def _refuse_unused(self) -> None:
        """Refuses what has no effect on a model of one class, whose network stays as it is."""
        for field in fields(self):
            if field.name not in USED_BY_ONE_CLASS and getattr(self, field.name) != field.default:
                raise InputRefused(
                    f"--{field.name.replace('_', '-')}",
                    "has no effect with --one-class, which trains no layer; leave it out",
                )
        if self.weights == "none":
            raise InputRefused(
                "--weights", "expected pretrained weights with --one-class, found none"
            )
