"""python -m train DIR | sample"""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

from runtime import cli
from runtime.preprocess import Fit
from train.backbones import BACKBONES
from train.cache import default_cache
from train.run import Flip, TrainOptions, train
from train.samples import SAMPLES, write_sample

NAME = cli.program("train")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["sample"]:
        return _sample(arguments[1:])
    return _train(arguments)


def _train(arguments: Sequence[str]) -> int:
    parser = cli.Parser(
        prog=NAME,
        description="Fine-tune a classifier on a folder of pictures: one folder per class, or Training/ and Test/ folders of such folders.",
        epilog=f"A real sample data set: {NAME} sample --help",
    )
    cli.add_version(parser)
    parser.add_argument("data", type=Path, help="the folder of pictures")
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="run folder to write (default: runs/NAME-OF-DATA)")
    for flag, kind, help_text in OPTIONS:
        name = flag.removeprefix("--").replace("-", "_")
        if isinstance(kind, tuple):
            parser.add_argument(flag, choices=kind, default=_default(name), help=help_text)
        else:
            parser.add_argument(flag, type=kind, metavar="N", default=_default(name), help=help_text)
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help="where decoded pictures are kept")
    parser.add_argument("--strict", action="store_true", help="refuse the data set if a single file of it is refused")
    parser.add_argument("--overwrite", action="store_true", help="replace a run that another command or other data made")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    given = parser.parse_args(arguments)

    options = TrainOptions(**{field.name: getattr(given, field.name) for field in fields(TrainOptions)})
    run = given.output or Path("runs") / os.path.basename(os.path.realpath(given.data))
    result = train(given.data, run, options, cache=given.cache, strict=given.strict, overwrite=given.overwrite)
    how = "already there, made by this command" if result.reused else f"trained in {result.seconds:.0f} s"
    accuracy = (
        f"test accuracy {result.test_accuracy:.4f} on {result.test_pictures} pictures, validation {result.val_accuracy:.4f} ({result.kept})"
    )
    cli.show(result, as_json=given.json, text=lambda: f"{cli.printable(result.run)}: {how}; {accuracy}")
    cli.say(f"next: {cli.program('export')} tflite {shlex.quote(str(run))}")
    return cli.DONE


def _sample(arguments: Sequence[str]) -> int:
    parser = cli.Parser(prog=f"{NAME} sample", description="Write a real sample data set as a folder per class.")
    parser.add_argument("name", choices=tuple(SAMPLES), help="elpv: photos of solar cells, functional or defective (CC BY-NC-SA 4.0)")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write (default: data/NAME)")
    given = parser.parse_args(arguments)
    folder = given.output or Path("data") / given.name
    count = write_sample(given.name, folder)
    print(f"{cli.printable(str(folder))}: {count} pictures")
    cli.say(f"next: {NAME} {shlex.quote(str(folder))}")
    return cli.DONE


def _default(name: str) -> object:
    default = next(field.default for field in fields(TrainOptions) if field.name == name)
    return None if default is MISSING else default


OPTIONS: tuple[tuple[str, type[int] | type[float] | tuple[str, ...], str], ...] = (
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
    ("--test-fraction", float, "part of the pictures to hold out for testing, where there is no Test folder"),
    ("--val-fraction", float, "part of the training pictures to hold out for validation, where there is no validation folder"),
    ("--seed", int, "of the split, the augmentation and the order"),
)

if __name__ == "__main__":
    cli.run(NAME, main, sys.argv[1:])
