"""python -m train sample NAME: write a real sample data set."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from runtime import cli
from train.samples import SAMPLES, write_sample

NAME = cli.program("train")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} sample", description="Write a real sample data set as a folder per class.")
    parser.add_argument("name", choices=tuple(SAMPLES), help="elpv: photos of solar cells, functional or defective (CC BY-NC-SA 4.0)")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write (default: data/NAME)")
    given = parser.parse_args(arguments)
    folder = given.output or Path("data") / given.name
    count = write_sample(given.name, folder)
    print(f"{cli.printable(str(folder))}: {count} pictures")
    cli.say(f"next: {NAME} {shlex.quote(str(folder))}")
    return cli.DONE
