"""The options of the command line that say what a model file of someone else's does not say itself, in the words of `export`."""

import argparse
from pathlib import Path
from typing import get_args

from runtime.foreign import Channels, Foreign, Scores
from runtime.preprocess import Fit
from runtime.scaling import MODES, UNSCALED, parse_input_size, parse_scaling
from runtime.tensors import Layout

FLAGS = ("labels", "normalize", "fit", "input_size", "layout", "channels", "scores")


def add_foreign_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds them, in a group of their own."""
    group = parser.add_argument_group("a .tflite or .onnx file from elsewhere", "what it does not say itself")
    group.add_argument("--labels", type=Path, metavar="FILE", help="class names, one a line, in the order of the model's outputs")
    group.add_argument(
        "--normalize",
        metavar="HOW",
        help=f"what it wants of a pixel: none (0..255), {', '.join(MODES)} as in keras.applications, MEAN,STD or three of each"
        " (default of a uint8 input: the pixel as it is)",
    )
    group.add_argument("--fit", choices=get_args(Fit), help="how a picture of another shape is made to fit (default: crop)")
    group.add_argument("--input-size", metavar="SIDE", help="SIDE or HEIGHTxWIDTH in pixels, where the model leaves it open")
    group.add_argument("--layout", choices=get_args(Layout), help="channels last or first (default: read off its shape)")
    group.add_argument("--channels", choices=get_args(Channels), help="their order (default: rgb)")
    group.add_argument("--scores", choices=get_args(Scores), help="what it gives (default: logits, unless it ends with softmax or sigmoid)")


def foreign_options(given: argparse.Namespace) -> Foreign | None:
    """What they say, or None where none is given.

    Raises:
        InputRefused: one is not understood, or the labels file cannot be used.
    """
    if all(getattr(given, flag) is None for flag in FLAGS):
        return None
    from runtime.labels_file import read_repeated_labels  # only files from elsewhere need it

    return Foreign(
        labels=read_repeated_labels(given.labels) if given.labels else None,
        labels_from=str(given.labels) if given.labels else None,
        scaling=(parse_scaling(given.normalize) or UNSCALED) if given.normalize is not None else None,
        fit=given.fit,
        input_size=parse_input_size(given.input_size),
        layout=given.layout,
        channels=given.channels,
        scores=given.scores,
    )
