"""Defines the options for an external model."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from export.formats.registry import FORMATS
from export.graph.wrapping import Wrapping
from export.inputs.external_model import (
    ExternalModelOptions,
    check_model_file,
    is_external,
    missing_option,
    require_external,
)
from export.inputs.model_file.onnx_classifier import OnnxClassifierOptions
from export.inputs.saved_model_files import is_saved_model
from runtime.cli.identity import program_name
from runtime.cli.parser import add_earlier_name
from runtime.errors import InputRefused
from runtime.file_formats.tensors import ChannelOrder, Layout, ScoreKind
from runtime.images.preprocessing import Fit
from runtime.models.hugging_face.beside_model import BesideModel, read_beside
from runtime.models.hugging_face.location import find_files_beside
from runtime.models.model_spec import ModelSpec, merge, parse_input_size
from runtime.models.normalization import MODES, UNNORMALIZED, parse_normalization
from runtime.shared.external_model_arguments import external_model_options
from runtime.sources.paths import subfolders

ALL = "all"
ONNX = ".onnx"

FLAGS = (
    *("labels", "calibration_data", "test_data", "fit", "normalize", "input_size"),
    *("scores", "scores_output"),
)
ONNX_FLAGS = ("layout", "channel_order")
"""Options of an `.onnx` file alone."""


def add_external_options(command: argparse.ArgumentParser) -> None:
    """Adds the options, in a group of their own."""
    group = command.add_argument_group(
        "a .keras, .h5 or .onnx file or a SavedModel folder",
        "state what a run folder states itself",
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="class names, one a line, in the order of the model's outputs; or JSON, or CSV"
        " (default: those of a config.json of Hugging Face beside it)",
    )
    group.add_argument(
        "--calibration-data",
        type=Path,
        metavar="DIR",
        help="folder of images to measure int8 ranges on, preferably of its training",
    )
    add_earlier_name(group, "--calib", "--calibration-data")
    group.add_argument(
        "--test-data",
        type=Path,
        metavar="DIR",
        help="a folder per class of images that it was not trained with",
    )
    add_earlier_name(group, "--verify", "--test-data")
    group.add_argument(
        "--fit",
        choices=get_args(Fit),
        help="how an image of another shape gets the shape of the input (default: crop)",
    )
    group.add_argument(
        "--normalize",
        metavar="HOW",
        help="the pixel values that it expects: none (0..255, for models that scale them"
        f" themselves), {', '.join(MODES)} as in keras.applications, MEAN,STD or three of each"
        " (default: none)",
    )
    group.add_argument(
        "--input-size",
        metavar="SIDE",
        help="SIDE or HEIGHTxWIDTH in pixels, if the model accepts any size",
    )
    group.add_argument(
        "--scores",
        choices=get_args(ScoreKind),
        help="what it returns; a softmax is put behind logits, a sigmoid behind a single one"
        " (default: probabilities; of an .onnx file logits, unless it ends with softmax or"
        " sigmoid)",
    )
    group.add_argument(  # its earlier name
        "--logits",
        dest="scores",
        action="store_const",
        const="logits",
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )
    group.add_argument(
        "--scores-output",
        metavar="NAME",
        help="its output with the scores, if it has several (default: the only one with as many"
        " numbers as there are labels)",
    )
    group.add_argument(
        "--layout",
        choices=get_args(Layout),
        help="of an .onnx file: channels last or first (default: from its shape)",
    )
    group.add_argument(
        "--channel-order",
        choices=get_args(ChannelOrder),
        help="of an .onnx file: the order of its channels (default: rgb); grey, if it leaves their"
        " number open",
    )
    add_earlier_name(group, "--channels", "--channel-order")


def external_options(
    arguments: argparse.Namespace,
) -> ExternalModelOptions | OnnxClassifierOptions | None:
    """Returns the options of an external model; None: a run folder is exported.

    Raises:
        InputRefused: they come with a run folder, or one is missing or cannot be read.
    """
    path = arguments.run
    if not is_external(path):
        _refuse_options_of_external_models(arguments)
        return None
    if path.suffix == ONNX:
        return _onnx_options(arguments)
    _refuse(arguments, ONNX_FLAGS, "an .onnx file")
    if not is_saved_model(path):
        check_model_file(path)  # before options are required that do not help this file
    if arguments.data:
        raise InputRefused(
            "--data",
            "expected with a run folder; use --calibration-data and --test-data with a .keras file"
            " or SavedModel",
        )
    if getattr(arguments, "qat", None) is not None:  # not every format has the option
        raise InputRefused("--qat", "expected with a run folder: it needs its validation images")
    spec, remark = _stated(arguments)
    labels, test_data = require_external(path, arguments.labels or spec.labels, arguments.test_data)
    preparation = Wrapping(
        spec.normalization,
        arguments.scores == "logits",
        spec.input_size,
        arguments.scores_output,
    )
    return ExternalModelOptions(
        labels, test_data, arguments.calibration_data, spec.fit or "crop", preparation, remark
    )


def _stated(arguments: argparse.Namespace) -> BesideModel:
    """Returns what the options state, and what only Hugging Face's files beside the model do."""
    stated = ModelSpec(
        labels=(str(arguments.labels),) if arguments.labels else None,
        normalization=(
            parse_normalization(arguments.normalize) or UNNORMALIZED
            if arguments.normalize is not None
            else None
        ),
        fit=arguments.fit,
        input_size=parse_input_size(arguments.input_size),
        scores="probabilities",
    )
    path = arguments.run
    files = find_files_beside(path / "model" if is_saved_model(path) else path)
    files = files or find_files_beside(path)
    beside = read_beside(files, stated) if files else BesideModel()
    spec = merge(stated, beside.spec)
    if spec.channel_order == "bgr" and spec.normalization and stated.normalization is None:
        spec = spec._replace(normalization=replace(spec.normalization, bgr=True))
    if spec.normalization == UNNORMALIZED:
        spec = spec._replace(normalization=None)
    return BesideModel(spec, beside.remark)


def _onnx_options(arguments: argparse.Namespace) -> OnnxClassifierOptions:
    """Returns the options of an `.onnx` file; what they do not state, the file or files beside it
    may.
    """
    path = arguments.run
    formats = [name for name, row in FORMATS.items() if row.convert_onnx]
    if arguments.format not in (*formats, ALL):
        raise InputRefused(
            str(path),
            f"an .onnx file becomes .{' or .'.join(formats)} files only:"
            f" {program_name('export')} {formats[0]}",
        )
    if arguments.data:
        raise InputRefused(
            "--data", "expected with a run folder; use --calibration-data and --test-data"
        )
    if arguments.test_data is None:
        raise missing_option(path, "--test-data FOLDER")
    if getattr(arguments, "equalize", False):
        raise InputRefused("--equalize", f"expected with a Keras model, found {path}")
    folders = subfolders(arguments.test_data) if arguments.test_data.is_dir() else []
    spec = external_model_options(arguments, [folder.name for folder in folders])
    return OnnxClassifierOptions(
        spec or ModelSpec(),
        arguments.test_data,
        arguments.calibration_data,
        getattr(arguments, "batch", 1),
    )


def _refuse_options_of_external_models(arguments: argparse.Namespace) -> None:
    _refuse(arguments, (*FLAGS, *ONNX_FLAGS), "a .keras file or SavedModel")


def _refuse(arguments: argparse.Namespace, flags: Sequence[str], expected: str) -> None:
    for flag in flags:
        if getattr(arguments, flag):
            reason = f"expected with {expected}, found {arguments.run}"
            if not is_external(arguments.run):
                reason += "; a run folder contains it already"
            raise InputRefused(f"--{flag.replace('_', '-')}", reason)
