"""Runs `python -m train tune DIR`, which finds the options that train best by trying them."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import (
    CommandParser,
    add_json,
    add_output,
    positive_int_argument,
    positive_ints_argument,
)
from runtime.errors import DONE
from runtime.system.terminal import escape_control_chars
from train.commands.arguments import (
    add_cache,
    add_data,
    add_strict,
    limit_argument,
    names_argument,
    training_command,
)
from train.commands.cache_limit import limit_cache
from train.commands.interrupts import ends_soon
from train.configuration.flags import add_flags, options_from_arguments
from train.tuning.search_space import TUNABLE
from train.tuning.tune import StudySettings, TuneResult, tune

NAME = program_name("train")
DEFAULT_TRIALS = 30


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    tuned = tuple(name for name in TUNABLE if getattr(parsed, name) is None)
    lists = {"backbone": parsed.backbones, "input_size": parsed.input_sizes}
    choices = {name: values for name, values in lists.items() if values}
    options = options_from_arguments(parsed)
    data_name = os.path.basename(os.path.realpath(parsed.data))
    settings = StudySettings(
        parsed.study or data_name, parsed.storage, tuned, parsed.trials, parsed.timeout, choices
    )
    with ends_soon(f"{NAME} tune", "the same command continues the study"):
        result = tune(
            parsed.data,
            parsed.output or Path("runs") / f"{data_name}-tuned",
            options,
            settings,
            cache=parsed.cache,
            strict=parsed.strict,
            after_trial=partial(limit_cache, parsed),
        )
    command = training_command(parsed.data, result.options, parsed.cache)
    print_result(
        {**asdict(result), "train_command": command},
        as_json=parsed.json,
        text=lambda: f"{_text(result)}\n{escape_control_chars(command)}",
    )
    return DONE


def _text(result: TuneResult) -> str:
    defaults = ""
    if result.default_val_accuracy is not None:
        defaults = f"; the defaults gave {result.default_val_accuracy:.4f}"
    return (
        f"{escape_control_chars(result.folder)}: {result.complete} trials complete, "
        f"{result.pruned} stopped early, {result.diverged} diverged, {result.failed} interrupted\n"
        f"best validation accuracy {result.val_accuracy:.4f}, loss {result.val_loss:.4f} "
        f"(trial {result.best_trial}){defaults}\n"
        "The options were chosen on the validation images, so expect a little less on others; "
        "the test images were not used. To train with these options:"
    )


def _parser() -> CommandParser:
    parser = CommandParser(
        prog=f"{NAME} tune",
        description="Train repeatedly on a folder of images with different learning rates, "
        "momentum, dropout, hidden units and numbers of thawed blocks, and report which were best "
        "on the validation images. An option on the command line is not tuned. The same command "
        "continues a study; several processes may work on one study.",
    )
    add_data(parser)
    add_output(parser, "folder for study.db, trials.csv, trials.png (default: runs/NAME-tuned)")
    parser.add_argument(
        "--trials",
        type=positive_int_argument,
        default=DEFAULT_TRIALS,
        metavar="N",
        help="trials in all, including those of other processes",
    )
    parser.add_argument(
        "--timeout",
        type=limit_argument,
        metavar="S",
        help="begin no trial after S seconds",
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="database of the study, such as postgresql://user@host/name, to share it "
        "(default: DIR/study.db)",
    )
    parser.add_argument(
        "--study",
        metavar="NAME",
        help="name of the study in the database (default: that of the folder of images)",
    )
    parser.add_argument(
        "--backbones",
        type=names_argument,
        default=(),
        metavar="NAME,NAME",
        help="tune the backbone among these; the first takes the place of --backbone",
    )
    parser.add_argument(
        "--input-sizes",
        type=positive_ints_argument,
        default=(),
        metavar="N,N",
        help="tune the side of the input among these; the first takes the place of --input-size",
    )
    add_flags(parser)
    add_cache(parser)
    add_strict(parser)
    add_json(parser)
    return parser
