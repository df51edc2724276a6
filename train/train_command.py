"""python -m train DIR: fine-tune a classifier on a folder of pictures."""

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from runtime import cli
from runtime.cache_folder import default_cache
from runtime.command import command_line
from train.distribute import LOST, add_distribute, choose_engine, only_the_first_speaks, place
from train.guard import run_guarded
from train.interrupt import ends_soon
from train.options import add_flags, chosen_options
from train.run import train

NAME = cli.program("train")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(
        prog=NAME,
        description="Fine-tune a classifier on a folder of pictures: one folder per class, or Training/ and Test/ folders of such folders.",
        epilog=f"A real sample data set: {NAME} sample --help",
    )
    cli.add_version(parser)
    parser.add_argument("data", type=Path, help="the folder of pictures")
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="run folder to write (default: runs/NAME-OF-DATA)")
    add_flags(parser)
    add_distribute(parser)
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help="where decoded pictures and features are kept")
    parser.add_argument("--strict", action="store_true", help="refuse the data set if a single file of it is refused")
    parser.add_argument("--overwrite", action="store_true", help="replace a run that another command or other data made")
    parser.add_argument("--resume", action="store_true", help="go on with an unfinished training, at other rates if they are given")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    given = parser.parse_args(arguments)
    where = place(given.distribute, given.worker)
    if where is None:
        return _train(given, arguments, None)
    ended = f"worker {where[0] + 1} of {where[1]}: {LOST}"
    return run_guarded(NAME, lambda _: _train(given, arguments, where), ended)


def _train(given: argparse.Namespace, arguments: Sequence[str], where: tuple[int, int] | None) -> int:
    options = chosen_options(given)
    run = given.output or Path("runs") / os.path.basename(os.path.realpath(given.data))
    command = command_line("train", arguments)
    with ends_soon(NAME, "the same command goes on from the last whole epoch"):
        engine = choose_engine(given.distribute, where)
        with only_the_first_speaks(engine):
            result = train(
                given.data,
                run,
                options,
                cache=given.cache,
                strict=given.strict,
                overwrite=given.overwrite,
                resume=given.resume,
                command=command,
                engine=engine,
            )
    if result is None:
        return cli.DONE
    how = "already there, made by this command" if result.reused else f"trained in {result.seconds:.0f} s"
    interval = f"95 % interval {result.test_accuracy_low:.4f} to {result.test_accuracy_high:.4f} on {result.test_pictures} pictures"
    accuracy = f"test accuracy {result.test_accuracy:.4f} ({interval}), balanced {result.balanced_accuracy:.4f}"
    accuracy += f", validation {result.val_accuracy:.4f} ({result.kept})"
    cli.show(result, as_json=given.json, text=lambda: f"{cli.printable(result.run)}: {how}; {accuracy}")
    cli.say(f"report: {run / 'report.html'}")
    cli.say(f"next: {cli.program('export')} tflite {shlex.quote(str(run))}")
    return cli.DONE
