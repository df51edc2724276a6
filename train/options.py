"""What a run is made with, beside its data: the options, their limits, and their command-line flags."""

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Literal, get_args

from runtime.errors import InputRefused
from runtime.preprocess import Fit
from train.backbones import BACKBONES
from train.recipes import RECIPES, RecipeName, Thaw

Flip = Literal["none", "horizontal", "both"]
ClassWeights = Literal["none", "balanced"]
MixedPrecision = Literal["auto", "off"]

LIMITS: Mapping[str, tuple[float, float]] = {
    "input_size": (1, 4096),
    "width": (0.1, 4),
    "head_epochs": (0, 10_000),
    "epochs": (0, 10_000),
    "head_rate": (0, math.inf),
    "rate": (0, math.inf),
    "batch": (1, 10_000),
    "views": (1, 1000),
    "dropout": (0, 0.99),
    "augment": (0, 10),
    "label_smoothing": (0, 0.9),
    "patience": (0, 10_000),
    "seed": (0, 2**31),
}
"""The lowest and highest value of each option, both allowed."""


@dataclass(frozen=True)
class TrainOptions:
    """What a run is made with, beside its data. Rates are Adam's; fractions are of pictures, 0..1; sizes are in pixels.

    What is None is up to the recipe, the backbone or the pictures: see `train.settings`.
    """

    backbone: str = "efficientnet-lite0"
    weights: str | None = None
    width: float | None = None
    recipe: RecipeName = "quince"
    thaw: Thaw | None = None
    input_size: int | None = None
    fit: Fit = "crop"
    head_epochs: int | None = None
    epochs: int | None = None
    head_rate: float | None = None
    rate: float | None = None
    batch: int = 32
    views: int = 3
    dropout: float | None = None
    flip: Flip = "horizontal"
    augment: float = 1.0
    patience: int = 4
    label_smoothing: float = 0.0
    class_weights: ClassWeights = "none"
    mixed_precision: MixedPrecision = "auto"
    test_fraction: float = 0.2
    val_fraction: float = 0.1
    seed: int = 7

    def __post_init__(self) -> None:
        for name, (lowest, highest) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not lowest <= value <= highest:
                raise InputRefused(f"--{name.replace('_', '-')}", f"expected {lowest} to {highest}, found {value}")
        if self.recipe not in RECIPES:
            raise InputRefused("--recipe", f"expected {' or '.join(RECIPES)}, found {self.recipe}")
        if self.thaw is not None and self.thaw != "all" and self.thaw < 1:
            raise InputRefused("--thaw", f"expected a number of blocks from 1 on, or all, found {self.thaw}")
        if self.head_epochs == self.epochs == 0:
            raise InputRefused("--epochs", "expected at least one epoch, with --head-epochs")


def thaw(text: str) -> Thaw:
    """What --thaw takes: a number of blocks, or `all`."""
    return "all" if text == "all" else int(text)


def _by_recipe(name: str) -> str:
    ours = getattr(RECIPES["quince"], name)
    others = {recipe: getattr(row, name) for recipe, row in RECIPES.items()}
    return f"(default: {ours or 'by backbone'}{''.join(f'; {value} in recipe {one}' for one, value in others.items() if value != ours)})"


Kind = type[int] | type[float] | type[str] | Callable[[str], Thaw] | tuple[str, ...]
FLAGS: tuple[tuple[str, Kind, str], ...] = (
    (
        "--backbone",
        str,
        f"{', '.join(tuple(BACKBONES)[:4])}, vgg16, mobilenet-v2, or another network of keras.applications",
    ),
    (
        "--weights",
        str,
        "imagenet, none to train from scratch, or a file of weights (default: imagenet where there are any)",
    ),
    ("--width", float, "width multiplier (alpha) of a MobileNet (default: 1)"),
    ("--recipe", tuple(RECIPES), "the head and how it is trained: ours, or flattened features and a hidden layer as in the article"),
    ("--thaw", thaw, f"fine-tune the last N blocks of the backbone with the head, or all {_by_recipe('thaw')}"),
    ("--input-size", int, "side of the model's input in pixels (default: the backbone's, or less for smaller pictures)"),
    ("--fit", get_args(Fit), "how a picture that is not square becomes so"),
    ("--head-epochs", int, f"at most so many epochs with the base frozen {_by_recipe('head_epochs')}"),
    ("--epochs", int, f"at most so many epochs with the last blocks thawed {_by_recipe('epochs')}"),
    ("--head-rate", float, f"learning rate of the head {_by_recipe('head_rate')}"),
    ("--rate", float, f"learning rate of head and thawed blocks: very small {_by_recipe('rate')}"),
    ("--batch", int, "pictures in a step"),
    ("--views", int, "augmented views of each training picture"),
    ("--dropout", float, f"part of the features dropped before the head, 0..1 {_by_recipe('dropout')}"),
    ("--flip", get_args(Flip), "mirror training pictures (none where left and right matter)"),
    ("--augment", float, "strength of the other augmentations, 0 for none"),
    ("--patience", int, "stop a stage after so many epochs without a lower validation loss"),
    ("--label-smoothing", float, "part of each target spread over all classes, 0 for none"),
    ("--class-weights", get_args(ClassWeights), "balanced: each class counts the same, however few pictures it has"),
    ("--mixed-precision", get_args(MixedPrecision), "auto: float16 arithmetic on graphics cards with tensor cores, never on a CPU"),
    ("--test-fraction", float, "part of the pictures to hold out for testing, where there is no Test folder"),
    ("--val-fraction", float, "part of the training pictures to hold out for validation, where there is no validation folder"),
    ("--seed", int, "of the split, the augmentation and the order"),
)
METAVARS = {"--backbone": "NAME", "--weights": "WEIGHTS"}
"""Of the flags that take no number."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds a flag for each field of TrainOptions."""
    for flag, kind, help_text in FLAGS:
        default = _default(flag.removeprefix("--").replace("-", "_"))
        if isinstance(kind, tuple):
            parser.add_argument(flag, choices=kind, default=default, help=help_text)
        else:
            parser.add_argument(flag, type=kind, metavar=METAVARS.get(flag, "N"), default=default, help=help_text)


def chosen_options(given: argparse.Namespace) -> TrainOptions:
    """The options of a parsed command line.

    Raises:
        InputRefused: a number outside its limits.
    """
    return TrainOptions(**{field.name: getattr(given, field.name) for field in fields(TrainOptions)})


def flags(options: TrainOptions) -> list[str]:
    """The words of a command line that say what differs from the defaults."""
    words: list[str] = []
    for field in fields(TrainOptions):
        value = getattr(options, field.name)
        if value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    return words


def _default(name: str) -> object:
    default = next(field.default for field in fields(TrainOptions) if field.name == name)
    return None if default is MISSING else default
