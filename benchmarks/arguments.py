"""Command-line options that several verbs share."""

import argparse
import math
import os
from pathlib import Path

from benchmarks.latency import default_threads
from benchmarks.targets import MOST_PICTURES
from benchmarks.timing import MLPERF, Rule
from runtime import cli
from runtime.errors import InputRefused, MachineError
from runtime.threads import allowed_cores

DEFAULT = Rule()


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --artifact, --pictures and --sysfs-root."""
    parser.add_argument("--artifact", metavar="FILE", help="measure only this model file of a bundle (default: all that run here)")
    which = f"files or folders; of more than {MOST_PICTURES} that many, evenly spread (default: the golden pictures)"
    parser.add_argument("--pictures", type=Path, nargs="+", default=[], metavar="P", help=which)
    parser.add_argument("--sysfs-root", type=Path, default=Path("/"), metavar="DIR", help="read the machine's state below this folder")


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --warmup, --iterations, --min-seconds, --max-seconds and --mlperf."""
    parser.add_argument("--warmup", type=whole, default=DEFAULT.warmup, metavar="N", help="runs that do not count")
    parser.add_argument("--iterations", type=cli.positive, metavar="N", help=f"samples, at least (default: {DEFAULT.iterations})")
    parser.add_argument("--min-seconds", type=number, metavar="S", help=f"go on at least so long (default: {DEFAULT.min_seconds:g})")
    until = f"end then, with fewer samples (default: {DEFAULT.max_seconds:g}; none where --iterations or --min-seconds is given)"
    parser.add_argument("--max-seconds", type=number, metavar="S", help=until)
    full = f"the full rule: {MLPERF.iterations} samples and {MLPERF.min_seconds:g} s at least, for each model and thread count"
    parser.add_argument("--mlperf", action="store_true", help=full)


def rule_of(options: argparse.Namespace) -> Rule:
    """The rule that the options make.

    Raises:
        InputRefused: they contradict each other.
    """
    given = options.mlperf or options.iterations is not None or options.min_seconds is not None
    least = MLPERF if options.mlperf else DEFAULT
    seconds = least.min_seconds if options.min_seconds is None else options.min_seconds
    if options.max_seconds is not None and not (options.mlperf or options.min_seconds is not None):
        seconds = min(seconds, options.max_seconds)
    return Rule(
        options.warmup,
        least.iterations if options.iterations is None else options.iterations,
        seconds,
        options.max_seconds if given or options.max_seconds is not None else DEFAULT.max_seconds,
    )


def add_threads_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --threads, a list."""
    ours = ",".join(map(str, default_threads(allowed_cores())))
    parser.add_argument(
        "--threads", type=counts, default=ours, metavar="N,N", help="interpreter threads, never more than the cores allowed"
    )


def counts(text: str) -> tuple[int, ...]:
    """Whole numbers from 1 with commas between them, as the `type` of an argument."""
    return tuple(cli.positive(part) for part in text.split(","))


def whole(text: str) -> int:
    """A whole number from 0, as the `type` of an argument."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, found {text}")
    return int(text)


def number(text: str) -> float:
    """A number from 0 to a million, as the `type` of an argument."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1000000, found {text}")
    return value


def add_overwrite_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --overwrite."""
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")


def check_free(path: Path | None, *, overwrite: bool) -> None:
    """Refuses a file that is there already or cannot be written, before long work is done for it.

    Raises:
        InputRefused: it is there, it is no regular file, or its folder is a file.
        MachineError: this user may not write there.
    """
    if path is None:
        return
    if os.path.lexists(path) and not overwrite:
        raise InputRefused(str(path), "is there already; replace it with --overwrite")
    folder = next(one for one in path.absolute().parents if one.exists())
    if path.is_dir() or not folder.is_dir():
        raise InputRefused(str(path), "cannot be written: it is a folder" if path.is_dir() else f"cannot be written: {folder} is a file")
    if path.exists() and not path.is_file():
        raise InputRefused(str(path), "cannot be replaced: it is a device, pipe or socket")
    if not os.access(folder, os.W_OK):
        raise MachineError(str(path), f"cannot be written: this user may not write in {folder}")
