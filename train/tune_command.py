"""python -m train tune DIR: find the options that train best, by trying them."""

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runtime import cli
from runtime.cache_folder import default_cache
from train.interrupt import ends_soon
from train.options import TrainOptions, add_flags, chosen_options, flags
from train.space import TUNABLE
from train.tune import TuneResult, tune

NAME = cli.program("train")
TRIALS = 30


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    given = _parser().parse_args(arguments)
    tuned = tuple(name for name in TUNABLE if getattr(given, name) is None)
    given.augment = TrainOptions.augment if given.augment is None else given.augment
    options = chosen_options(given)
    data_name = os.path.basename(os.path.realpath(given.data))
    with ends_soon(f"{NAME} tune", "the same command goes on with the study"):
        result = tune(
            given.data,
            given.output or Path("runs") / f"{data_name}-tuned",
            options,
            tuned,
            cache=given.cache,
            strict=given.strict,
            storage=given.storage,
            name=given.study or data_name,
            trials=given.trials,
            timeout=given.timeout,
        )
    cache = [] if given.cache == default_cache() else ["--cache", str(given.cache)]
    command = f"{NAME} {shlex.join([str(given.data), *flags(result.options), *cache])}"
    shown = {**asdict(result), "command": command}
    cli.show(shown, as_json=given.json, text=lambda: f"{_text(result)}\n{cli.printable(command)}")
    return cli.DONE


def _text(result: TuneResult) -> str:
    trials = f"{result.complete} trials to the end, {result.pruned} stopped early, {result.diverged} diverged, {result.failed} interrupted"
    before = "" if result.default_val_accuracy is None else f"; the defaults gave {result.default_val_accuracy:.4f}"
    return (
        f"{cli.printable(result.folder)}: {trials}\n"
        f"best validation accuracy {result.val_accuracy:.4f}, loss {result.val_loss:.4f} (trial {result.best_trial}){before}\n"
        "chosen on the validation pictures, so expect a little less of others; the test pictures were not looked at. To train with it:"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"expected a number of seconds over 0, found {text}")
    return seconds


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog=f"{NAME} tune",
        description="Train again and again on a folder of pictures with other learning rates, dropout, numbers of thawed blocks and "
        "strengths of augmentation, and say which were best on the validation pictures. An option that is given stays as given. The same "
        "command goes on with a study; several processes may work on one.",
    )
    parser.add_argument("data", type=Path, help="the folder of pictures")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder for study.db, trials.csv, trials.png (default: runs/NAME-tuned)"
    )
    parser.add_argument("--trials", type=cli.positive, default=TRIALS, metavar="N", help="trials in all, those of other processes too")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="begin no trial after so long")
    parser.add_argument(
        "--storage", metavar="URL", help="the database of the study, as postgresql://user@host/name to share it (default: DIR/study.db)"
    )
    parser.add_argument("--study", metavar="NAME", help="its name there (default: that of the folder of pictures)")
    add_flags(parser)
    parser.set_defaults(augment=None)
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help="where decoded pictures and features are kept")
    parser.add_argument("--strict", action="store_true", help="refuse the data set if a single file of it is refused")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
