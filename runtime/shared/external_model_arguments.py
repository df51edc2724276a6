"""Adds and reads the options that describe a model file from elsewhere.

They have the names that `export` uses.
"""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from runtime.cli.parser import add_earlier_name
from runtime.file_formats.tensors import NORMALIZATION_MODES, ChannelOrder, Layout, ScoreKind
from runtime.images.preprocessing import Fit

if TYPE_CHECKING:  # few models are from elsewhere
    from runtime.models.model_spec import ModelSpec

FLAGS = (
    *("labels", "normalize", "fit", "input_size", "layout"),
    *("channel_order", "scores", "scores_output"),
)


def add_external_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options, in a group of their own.

    --output is an earlier name of --scores-output where the command writes no file.
    """
    group = parser.add_argument_group(
        "a .tflite or .onnx file from elsewhere", "state what the file itself does not"
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="class names, one a line, in the order of the model's outputs; or JSON, or CSV",
    )
    group.add_argument(
        "--normalize",
        metavar="HOW",
        help="how it normalizes pixels: none (0..255),"
        f" {', '.join(NORMALIZATION_MODES)} as in keras.applications, MEAN,STD or three of each"
        " (default of a uint8 input: pixels as they are)",
    )
    group.add_argument(
        "--fit",
        choices=get_args(Fit),
        help="how to fit an image of another shape (default: crop)",
    )
    group.add_argument(
        "--input-size",
        metavar="SIDE",
        help="SIDE or HEIGHTxWIDTH in pixels, if the model leaves it open",
    )
    group.add_argument(
        "--layout",
        choices=get_args(Layout),
        help="channels last or first (default: from its shape, or the name of an axis)",
    )
    group.add_argument(
        "--channel-order",
        choices=get_args(ChannelOrder),
        help="order of its channels (default: rgb); grey, if it leaves their number open",
    )
    add_earlier_name(group, "--channels", "--channel-order")
    group.add_argument(
        "--scores",
        choices=get_args(ScoreKind),
        help="what it returns (default: logits, unless it ends with softmax or sigmoid)",
    )
    group.add_argument(
        "--scores-output",
        metavar="NAME",
        help="its output with the scores, if it has several (default: the only one with as many"
        " numbers as there are labels)",
    )
    if "--output" not in parser._option_string_actions:
        add_earlier_name(group, "--output", "--scores-output")


def external_model_options(
    options: argparse.Namespace, class_folder_names: Collection[str] = ()
) -> "ModelSpec | None":
    """Returns what the options state, or None if none is given.

    `class_folder_names`, if known, decide whether a number in the labels file is part of a name.

    Raises:
        InputRefused: an option is not understood, or the labels file cannot be used.
    """
    if all(getattr(options, flag) is None for flag in FLAGS):
        return None
    from runtime.models.labels import read_repeated_labels
    from runtime.models.model_spec import ModelSpec, parse_input_size
    from runtime.models.normalization import UNNORMALIZED, parse_normalization

    labels = labels_from = normalization = None
    if options.labels:
        labels = read_repeated_labels(options.labels, class_folder_names)
        labels_from = str(options.labels)
    if options.normalize is not None:
        normalization = parse_normalization(options.normalize) or UNNORMALIZED
    return ModelSpec(
        labels=labels,
        labels_from=labels_from,
        normalization=normalization,
        fit=options.fit,
        input_size=parse_input_size(options.input_size),
        layout=options.layout,
        channel_order=options.channel_order,
        scores=options.scores,
        output=options.scores_output,
    )
