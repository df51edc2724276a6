"""Runs `python -m train sample NAME`, which writes a real sample data set."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser
from runtime.errors import DONE
from runtime.system.terminal import escape_control_chars, say
from train.commands.table import VERBS
from train.sample_datasets import SAMPLES, write_sample

NAME = program_name("train")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} sample", description=f"{VERBS['sample'].help.capitalize()}."
    )
    parser.add_argument(
        "name",
        choices=tuple(SAMPLES),
        help="elpv: photos of solar cells, functional or defective, a quarter of them for testing "
        "(CC BY-NC-SA 4.0)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder to write (default: data/NAME)"
    )
    parsed = parser.parse_args(arguments)
    folder = parsed.output or Path("data") / parsed.name
    count = write_sample(parsed.name, folder)
    print(f"{escape_control_chars(str(folder))}: {count} images")
    say(f"next: {NAME} {shlex.quote(str(folder))}")
    return DONE
