"""The options of the command line that belong to a model of someone else's."""

import argparse
from pathlib import Path
from typing import get_args

from export.foreign import ForeignOptions, is_foreign, require_foreign
from export.preparation import Preparation
from export.saved_model_folder import is_saved_model
from runtime.errors import InputRefused
from runtime.keras_file import check_keras_file
from runtime.preprocess import Fit
from runtime.scaling import MODES, parse_input_size, parse_scaling

FLAGS = ("labels", "calib", "verify", "fit", "normalize", "input_size", "logits")


def add_foreign_options(command: argparse.ArgumentParser) -> None:
    """Adds them, in a group of their own."""
    group = command.add_argument_group("a .keras file or SavedModel folder", "what a run folder says by itself")
    group.add_argument("--labels", type=Path, metavar="FILE", help="class names, one a line, in the order of the model's outputs")
    group.add_argument("--calib", type=Path, metavar="DIR", help="pictures to measure int8 ranges on, best some it was trained with")
    group.add_argument("--verify", type=Path, metavar="DIR", help="a folder per class of pictures that it was not trained with")
    group.add_argument("--fit", choices=get_args(Fit), help="how a picture that is not square becomes so (default: crop)")
    group.add_argument(
        "--normalize",
        metavar="HOW",
        help=f"what it wants of a pixel: none (0..255, as models that scale by themselves), {', '.join(MODES)} as in keras.applications,"
        " MEAN,STD or three of each (default: none)",
    )
    group.add_argument("--input-size", metavar="SIDE", help="SIDE or HEIGHTxWIDTH in pixels, where the model leaves it open")
    group.add_argument("--logits", action="store_true", help="its scores are logits: put a softmax after it")


def foreign_options(given: argparse.Namespace) -> ForeignOptions | None:
    """What they say, or None where a run folder is exported.

    Raises:
        InputRefused: they are given with a run folder, or one that is needed is missing or not understood.
    """
    if not is_foreign(given.run):
        for flag in FLAGS:
            if getattr(given, flag):
                raise InputRefused(
                    f"--{flag.replace('_', '-')}", f"{given.run} is no .keras file or SavedModel; a run folder says that itself"
                )
        return None
    if not is_saved_model(given.run):
        check_keras_file(given.run)  # before options are asked for that no file of this kind needs
    if given.data:
        raise InputRefused("--data", "belongs to a run folder; give --calib and --verify with a .keras file or SavedModel")
    labels, verify = require_foreign(given.run, given.labels, given.verify)
    preparation = Preparation(parse_scaling(given.normalize or "none"), given.logits, parse_input_size(given.input_size))
    return ForeignOptions(labels, verify, given.calib, given.fit or "crop", preparation)
