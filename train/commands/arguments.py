"""Adds the arguments that several verbs share."""

import argparse
from pathlib import Path

from runtime.system.cache_dir import default_cache


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds the folder of images, the first positional argument."""
    parser.add_argument("data", type=Path, help="the folder of images")


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Adds --cache."""
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_cache(),
        metavar="DIR",
        help="folder that keeps decoded images and features for later runs",
    )


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Adds --strict of a training."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse the data set if a single file of it is refused",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
