"""Naming what is in pictures, on the command line: the same words and lines for every kind of model."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from runtime import cli
from runtime.classifier import Prediction
from runtime.errors import InputRefused, PictureRefused
from runtime.sources.files import expand


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the pictures and --top."""
    parser.add_argument("pictures", type=Path, nargs="+", metavar="picture", help="a picture file, or a folder of them")
    parser.add_argument("--top", type=cli.positive, default=3, metavar="K", help="how many classes to show")


def show_predictions(name: str, classify: Callable[[Path], tuple[Prediction, ...]], pictures: list[Path], *, as_json: bool) -> int:
    """Prints what `classify` says of each picture, one line or JSON object each; the program `name` says on stderr which it refuses.

    Returns the exit code.

    Raises:
        InputRefused: the folders given hold no files.
    """
    found = refused = 0
    for picture in expand(pictures):
        found += 1
        try:
            _show(picture, classify(picture), as_json=as_json)
        except PictureRefused as error:
            refused += 1
            cli.say(f"{name}: {error}")
    if not found:
        raise InputRefused(str(pictures[0]), "holds no files")
    if refused:
        cli.say(f"{name}: refused {refused} of {found} files")
    return cli.REFUSED if refused else cli.DONE


def _show(picture: Path, predictions: tuple[Prediction, ...], *, as_json: bool) -> None:
    result = {"picture": cli.printable(str(picture)), "predictions": [asdict(prediction) for prediction in predictions]}
    ranked = ", ".join(f"{cli.printable(one.label)} {one.score:.3f}" for one in predictions)
    cli.show(result, as_json=as_json, text=lambda: f"{cli.printable(str(picture))}: {ranked}")
