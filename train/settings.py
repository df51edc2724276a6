"""What the options leave to the recipe and the backbone, decided in one place."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from runtime.errors import InputRefused
from train.backbones import BACKBONES, OFFLINE, find_backbone
from train.options import TrainOptions
from train.recipes import RECIPES, Thaw

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Settings:
    """An option each, as in TrainOptions, none of them open. weights: `imagenet`, `none` or the name of a file; hidden: see Recipe."""

    weights: str
    width: float
    thaw: Thaw
    head_epochs: int
    epochs: int
    head_rate: float
    rate: float
    dropout: float
    hidden: int | None
    average: float | None

    @property
    def pretrained(self) -> bool:
        """Whether the backbone begins with weights that were trained before."""
        return self.weights != "none"

    @property
    def weights_file(self) -> Path | None:
        """The file its weights come from, where they come from one."""
        return None if self.weights in ("none", "imagenet") else Path(self.weights)


def settle(options: TrainOptions) -> Settings:
    """Each option that is None gets the value of its recipe or backbone; what is given stays.

    Raises:
        InputRefused: options that do not go together.
    """
    backbone, recipe = find_backbone(options.backbone), RECIPES[options.recipe]
    weights = options.weights or ("imagenet" if backbone.pretrained else "none")
    if weights == "imagenet" and not backbone.pretrained:
        raise InputRefused("--weights", f"{options.backbone} has no ImageNet weights; take none, a file, or {', '.join(OFFLINE)}")
    if weights == "none" and options.thaw not in (None, "all"):
        raise InputRefused("--thaw", "without pretrained weights everything is trained at once; leave it out")
    width = 1.0 if options.width is None else options.width
    if options.width is not None and not backbone.widths:
        known = ", ".join(name for name, row in BACKBONES.items() if row.widths)
        raise InputRefused("--width", f"{options.backbone} has one width; those with several are {known}")
    if weights == "imagenet" and backbone.widths and width not in backbone.widths:
        known = ", ".join(map(str, backbone.widths))
        raise InputRefused("--width", f"{options.backbone} has ImageNet weights for {known}, found {width}; or take --weights none")
    return Settings(
        weights=weights,
        width=width,
        thaw=options.thaw or recipe.thaw or backbone.thaw,
        head_epochs=_first(options.head_epochs, recipe.head_epochs),
        epochs=_first(options.epochs, recipe.epochs),
        head_rate=_first(options.head_rate, recipe.head_rate),
        rate=_first(options.rate, recipe.rate),
        dropout=_first(options.dropout, recipe.dropout),
        hidden=recipe.hidden,
        average=recipe.average,
    )


def _first(given: Number | None, default: Number) -> Number:
    return default if given is None else given
