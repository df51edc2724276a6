"""Adds the arguments that several verbs share, and writes the command of a training."""

import argparse
import shlex
import sys
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.parser import number_within
from runtime.errors import InputRefused
from runtime.system.cache_dir import default_cache
from runtime.system.lazy_loading import require_packages
from train.configuration.flags import changed_flags
from train.configuration.options import TrainOptions

CACHE_LIMIT_GB = 10.0
"""The default of --cache-limit. A decoded image of 224 px takes 0.15 MB."""


def add_data(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Adds the folder of images, the first positional argument."""
    count = "?" if optional else None
    parser.add_argument("data", type=Path, nargs=count, metavar="DIR", help="the folder of images")


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Adds --cache and --cache-limit."""
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_cache(),
        metavar="DIR",
        help="folder that keeps decoded images and features for later runs",
    )
    parser.add_argument(
        "--cache-limit",
        type=limit_argument,
        default=CACHE_LIMIT_GB,
        metavar="GB",
        help="at the end, remove what was unused for longest, until it has at most GB gigabytes",
    )


def limit_argument(text: str) -> float:
    """Returns a number above 0; it is the `type` of an argument."""
    return number_within(text, sys.float_info.min, sys.float_info.max, "a number above 0")


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Adds --strict of a training."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse the data set if a single file of it is refused",
    )


def names_argument(text: str) -> tuple[str, ...]:
    """Returns the parts between commas; it is the `type` of an argument."""
    return tuple(text.split(","))


def require_new_page(path: Path, *, overwrite: bool) -> None:
    """Refuses a page of --report that cannot be drawn, or that would replace a file.

    Raises:
        InputRefused: its name does not end in .html, or it exists and `overwrite` is not set.
        MachineError: the package jinja2 is not installed.
    """
    require_packages("--report", "train", "jinja2")
    if path.suffix != ".html":
        raise InputRefused(str(path), "expected a name that ends in .html for --report")
    if path.exists() and not overwrite:
        raise InputRefused(str(path), "exists already; use --overwrite or another --report")


def training_command(data: Path, options: TrainOptions, cache: Path) -> str:
    """Returns the command that trains on `data` with `options`."""
    words = [str(data), *changed_flags(options)]
    if cache != default_cache():
        words += ["--cache", str(cache)]
    return f"{program_name('train')} {shlex.join(words)}"
