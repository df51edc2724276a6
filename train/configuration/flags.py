"""Maps the options of a training to command-line flags, and back."""

import argparse
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import NamedTuple, get_args

from runtime.cli.parser import add_earlier_name
from runtime.images.preprocessing import Fit
from runtime.images.region import region_text
from train.backbones.registry import BACKBONES
from train.configuration.options import (
    Augment,
    ClassWeights,
    Features,
    Flip,
    Grey16Rule,
    MixedPrecision,
    TrainOptions,
)
from train.configuration.recipes import MOMENTUM, RECIPES, Thaw


class Flag(NamedTuple):
    """Describes one flag.

    value: the type of its value, or the values it may have. earlier: its name before, if any.
    """

    name: str
    value: Callable[[str], object] | tuple[str, ...]
    help: str
    metavar: str = "N"
    earlier: str = ""


def thaw_argument(text: str) -> Thaw:
    """Returns a number of blocks, or "all"; it is the `type` of an argument."""
    if text == "all":
        return "all"
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected a number of blocks or all, found {text}"
        ) from error


def augment_argument(text: str) -> Augment:
    """Returns a strength of augmentation, or "auto"; it is the `type` of an argument."""
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number or auto, found {text}") from error


def _by_recipe(option: str) -> str:
    default = getattr(RECIPES["quince"], option)
    text = f"(default: {default or 'by backbone'}"
    for name, recipe in RECIPES.items():
        value = getattr(recipe, option)
        if value != default:
            text += f"; {value} in recipe {name}"
    return f"{text})"


FLAGS = (
    Flag(
        "--backbone",
        str,
        f"{', '.join(tuple(BACKBONES)[:4])}, vgg16, mobilenet-v2, "
        "or another network of keras.applications",
        "NAME",
    ),
    Flag(
        "--weights",
        str,
        "imagenet, none to train from scratch, or a weights file "
        "(default: imagenet if the backbone has such weights)",
        "WEIGHTS",
    ),
    Flag(
        "--width-factor",
        float,
        "width multiplier (alpha) of a MobileNet (default: 1)",
        earlier="--width",
    ),
    Flag(
        "--recipe",
        tuple(RECIPES),
        "the head and its training: that of Quince, or flattened features and a hidden layer "
        "as in the article",
    ),
    Flag(
        "--features",
        get_args(Features),
        "what the head sees: the averages of the last layer, or those of each block but the last, "
        "which suits surfaces",
    ),
    Flag(
        "--thaw",
        thaw_argument,
        f"fine-tune the last N blocks of the backbone with the head, or all {_by_recipe('thaw')}",
    ),
    Flag(
        "--input-size",
        int,
        "side of the model's input in pixels (default: the backbone's, or less for smaller images)",
        "SIDE",
    ),
    Flag(
        "--grey16",
        get_args(Grey16Rule),
        "16-bit grey keeps its upper 8 bits, or the range of the training images becomes 0 to 255",
    ),
    Flag(
        "--region",
        str,
        "use only this part of each image, as fractions of it, and store it with the model: the"
        " camera cuts the same part out of its frames (default: the whole image)",
        "X,Y,W,H",
    ),
    Flag("--channels", int, "3 for colour; 1 for grey, if the network is trained from scratch"),
    Flag("--fit", get_args(Fit), "how an image that is not square becomes square"),
    Flag(
        "--head-epochs",
        int,
        "train the head by gradient descent for at most N epochs, with the backbone frozen; from"
        " scratch they are added to --epochs (default: the head is solved;"
        f" {RECIPES['article'].head_epochs} in recipe article and from scratch)",
    ),
    Flag(
        "--epochs",
        int,
        f"maximum number of epochs with the last blocks thawed {_by_recipe('epochs')}",
    ),
    Flag(
        "--head-rate",
        float,
        "learning rate of a head that is not solved, and of a training from scratch"
        f" {_by_recipe('head_rate')}",
    ),
    Flag(
        "--rate",
        float,
        f"learning rate of the head and the thawed blocks, very small {_by_recipe('rate')}",
    ),
    Flag("--momentum", float, f"momentum (beta_1) of Adam, 0..0.999 (default: {MOMENTUM})"),
    Flag(
        "--hidden",
        int,
        f"units of the hidden layer of the recipe article (default: {RECIPES['article'].hidden})",
    ),
    Flag("--batch", int, "images in a step"),
    Flag(
        "--variants",
        int,
        "variants of each training image: the image itself, and augmented ones (default: one for "
        "each of --epochs; 3 from scratch)",
        earlier="--views",
    ),
    Flag(
        "--dropout",
        float,
        f"fraction of the features dropped before the head, 0..1 {_by_recipe('dropout')}",
    ),
    Flag("--flip", get_args(Flip), "mirror training images (none if left and right matter)"),
    Flag(
        "--augment",
        augment_argument,
        "strength of geometry (turn, shift, zoom) and colour (brightness, contrast), 0 for none; "
        "auto: strength 1 without the families, flips included, that do harm on validation images",
    ),
    Flag(
        "--patience",
        int,
        "stop a stage after N epochs without a lower validation loss (default: never;"
        " 4 in recipe article)",
    ),
    Flag(
        "--label-smoothing",
        float,
        "fraction of each target spread over all classes, 0 for none; a solved head has none"
        " (default: 0.1; 0 in recipe article and from scratch)",
    ),
    Flag(
        "--class-weights",
        get_args(ClassWeights),
        "balanced: each class counts the same, however few images it has",
    ),
    Flag(
        "--mixed-precision",
        get_args(MixedPrecision),
        "auto: float16 arithmetic on graphics cards with tensor cores, never on a CPU",
    ),
    Flag(
        "--test-fraction",
        float,
        "fraction of the images held out for testing, if there is no Test folder",
    ),
    Flag(
        "--val-fraction",
        float,
        "fraction of the training images held out for validation, if there is no validation folder",
    ),
    Flag("--seed", int, "seed of the split, the augmentation and the order of the images"),
    Flag(
        "--group-by",
        str,
        "regular expression that finds the object in a file name; the images of one object are a "
        "group, which stays in one split (default: a folder inside a class folder is one object)",
        "PATTERN",
    ),
)


def add_flags(parser: argparse.ArgumentParser, names: Collection[str] = ()) -> None:
    """Adds a flag for each field of TrainOptions, or only the flags `names`."""
    defaults = TrainOptions()
    for flag in FLAGS:
        if names and flag.name not in names:
            continue
        field = flag.name.removeprefix("--").replace("-", "_")
        default = getattr(defaults, field)
        if isinstance(flag.value, tuple):
            parser.add_argument(flag.name, choices=flag.value, default=default, help=flag.help)
        else:
            parser.add_argument(
                flag.name, type=flag.value, metavar=flag.metavar, default=default, help=flag.help
            )
            if flag.earlier:
                add_earlier_name(parser, flag.earlier, flag.name)


def options_from_arguments(arguments: argparse.Namespace) -> TrainOptions:
    """Returns the options of a parsed command line; those without a flag have their default.

    Raises:
        InputRefused: a number is outside its limits.
    """
    names = {field.name for field in fields(TrainOptions)}
    return TrainOptions(**{name: value for name, value in vars(arguments).items() if name in names})


def changed_flags(options: TrainOptions) -> list[str]:
    """Returns the words of a command line that set each option which differs from its default."""
    words: list[str] = []
    for field in fields(TrainOptions):
        value = getattr(options, field.name)
        if value != field.default:
            text = region_text(value) if field.name == "region" else str(value)
            words += [f"--{field.name.replace('_', '-')}", text]
    return words
