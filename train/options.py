"""What a run is made with, beside its data: the options, their limits, and their command-line flags."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Literal, get_args

from runtime.errors import InputRefused
from runtime.preprocess import Fit
from train.backbones import BACKBONES

Flip = Literal["none", "horizontal", "both"]
ClassWeights = Literal["none", "balanced"]
MixedPrecision = Literal["auto", "off"]

LIMITS: Mapping[str, tuple[float, float]] = {
    "input_size": (1, 4096),
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
    """What a run is made with, beside its data. Rates are Adam's; fractions are of pictures, 0..1; sizes are in pixels."""

    backbone: str = "efficientnet-lite0"
    input_size: int | None = None
    fit: Fit = "crop"
    head_epochs: int = 5
    epochs: int = 8
    head_rate: float = 3e-3
    rate: float = 4e-4
    batch: int = 32
    views: int = 3
    dropout: float = 0.2
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
        if self.head_epochs + self.epochs == 0:
            raise InputRefused("--epochs", "expected at least one epoch, with --head-epochs")


FLAGS: tuple[tuple[str, type[int] | type[float] | tuple[str, ...], str], ...] = (
    ("--backbone", tuple(BACKBONES), "the network to start from: EfficientNets with ImageNet weights, the others from scratch"),
    ("--input-size", int, "side of the model's input in pixels (default: the backbone's, or less for smaller pictures)"),
    ("--fit", get_args(Fit), "how a picture that is not square becomes so"),
    ("--head-epochs", int, "at most so many epochs with the base frozen"),
    ("--epochs", int, "at most so many epochs with the last blocks thawed"),
    ("--head-rate", float, "learning rate of the head"),
    ("--rate", float, "learning rate of head and thawed blocks: very small"),
    ("--batch", int, "pictures in a step"),
    ("--views", int, "augmented views of each training picture"),
    ("--dropout", float, "part of the features dropped before the head, 0..1"),
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


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds a flag for each field of TrainOptions."""
    for flag, kind, help_text in FLAGS:
        default = _default(flag.removeprefix("--").replace("-", "_"))
        if isinstance(kind, tuple):
            parser.add_argument(flag, choices=kind, default=default, help=help_text)
        else:
            parser.add_argument(flag, type=kind, metavar="N", default=default, help=help_text)


def chosen_options(given: argparse.Namespace) -> TrainOptions:
    """The options of a parsed command line.

    Raises:
        InputRefused: a number outside its limits.
    """
    return TrainOptions(**{field.name: getattr(given, field.name) for field in fields(TrainOptions)})


def _default(name: str) -> object:
    default = next(field.default for field in fields(TrainOptions) if field.name == name)
    return None if default is MISSING else default
