"""Adds the options that several verbs share, and reads them."""

import argparse
import os
from pathlib import Path

from benchmarks.latency import default_threads
from benchmarks.measurement.models_under_test import MAX_IMAGES
from benchmarks.measurement.timing import MLPERF, Rule
from runtime.cli.parser import (
    add_earlier_name,
    add_output,
    number_within,
    positive_int_argument,
    positive_ints_argument,
)
from runtime.errors import InputRefused
from runtime.system.atomic_files import require_writable_folder
from runtime.system.cgroups import allowed_cores

DEFAULT_RULE = Rule()


def add_images_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --images."""
    parser.add_argument(
        "--images",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help=f"files or folders; at most {MAX_IMAGES} images are used, evenly spread "
        "(default: the golden images)",
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --artifact, --images and --sysfs-root."""
    parser.add_argument(
        "--artifact",
        metavar="FILE",
        help="measure only this model file of a bundle (default: all that run here)",
    )
    add_images_argument(parser)
    parser.add_argument(
        "--sysfs-root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="read the machine's state below this folder",
    )


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --warmup, --iterations, --min-seconds, --max-seconds and --mlperf."""
    parser.add_argument(
        "--warmup",
        type=_whole_number_argument,
        default=DEFAULT_RULE.warmup,
        metavar="N",
        help="run N images first, which are not measured",
    )
    parser.add_argument(
        "--iterations",
        type=positive_int_argument,
        metavar="N",
        help=f"take at least N samples (default: {DEFAULT_RULE.iterations})",
    )
    parser.add_argument(
        "--min-seconds",
        type=number_argument,
        metavar="S",
        help=f"measure for at least S seconds (default: {DEFAULT_RULE.min_seconds:g})",
    )
    parser.add_argument(
        "--max-seconds",
        type=number_argument,
        metavar="S",
        help="end after S seconds, even with fewer samples "
        f"(default: {DEFAULT_RULE.max_seconds:g}; none with --iterations or --min-seconds)",
    )
    parser.add_argument(
        "--mlperf",
        action="store_true",
        help=f"take at least {MLPERF.iterations} samples and {MLPERF.min_seconds:g} s "
        "for each model and thread count",
    )


def rule_of(options: argparse.Namespace) -> Rule:
    """Returns the rule that the options make.

    Raises:
        InputRefused: they contradict each other.
    """
    minimum = MLPERF if options.mlperf else DEFAULT_RULE
    iterations, min_seconds = options.iterations, options.min_seconds
    max_seconds = options.max_seconds
    if max_seconds is None and not options.mlperf and iterations is None and min_seconds is None:
        max_seconds = DEFAULT_RULE.max_seconds
    if min_seconds is None:
        min_seconds = minimum.min_seconds
        if options.max_seconds is not None and not options.mlperf:
            min_seconds = min(min_seconds, options.max_seconds)
    if iterations is None:
        iterations = minimum.iterations
    return Rule(options.warmup, iterations, min_seconds, max_seconds)


def add_threads_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --threads, a list."""
    parser.add_argument(
        "--threads",
        type=positive_ints_argument,
        default=",".join(map(str, default_threads(allowed_cores()))),
        metavar="N",
        help="numbers of interpreter threads to measure, with commas; never more than the cores"
        " allowed",
    )


def _whole_number_argument(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, found {text}")
    return int(text)


def number_argument(text: str) -> float:
    """Reads a number from 0 to a million; the `type` of an argument."""
    return number_within(text, 0, 1e6, "a number from 0 to 1000000")


def add_result_file(parser: argparse.ArgumentParser, text: str) -> None:
    """Adds -o or --output, the JSON file of the result; `text` is its help."""
    add_output(parser, text)
    add_earlier_name(parser, "--json", "--output")


def add_overwrite_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --overwrite."""
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def require_free(path: Path | None, *, overwrite: bool) -> None:
    """Checks that a file can be written, before long work is done for it.

    Raises:
        InputRefused: the file exists, it is no regular file, or its folder is a file.
        MachineError: this user may not write there.
    """
    if path is None:
        return
    if os.path.lexists(path) and not overwrite:
        raise InputRefused(str(path), "exists already; replace it with --overwrite")
    if path.is_dir():
        raise InputRefused(str(path), "cannot be written: it is a folder")
    if path.exists() and not path.is_file():
        raise InputRefused(str(path), "cannot be replaced: it is a device, pipe or socket")
    require_writable_folder(path)
