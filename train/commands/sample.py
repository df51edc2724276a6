"""Runs `python -m train sample NAME`, which writes a real sample data set."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_earlier_name, add_output
from runtime.errors import DONE
from runtime.system.terminal import escape_control_chars, say
from train.commands.table import VERBS
from train.sample_datasets.elpv import elpv
from train.sample_datasets.fruits_360 import fruits_360
from train.sample_datasets.write import Image, write_sample

NAME = program_name("train")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} sample", description=f"{VERBS['sample'].help.capitalize()}."
    )
    parser.add_argument(
        "name",
        choices=("elpv", "fruits-360"),
        help="elpv: photos of solar cells, functional or defective, a quarter of them for testing "
        "(CC BY-NC-SA 4.0); fruits-360: the fruit of the article, from its public archive",
    )
    add_output(parser, "folder to write (default: data/NAME)")
    fruit = parser.add_argument_group("fruits-360")
    fruit.add_argument(
        "--classes",
        default="",
        metavar="A,B",
        help="only these classes, or those that begin with these words: Banana,Kiwi (default: all)",
    )
    fruit.add_argument(
        "--archive",
        metavar="WHERE",
        help="FILE.zip (as from Kaggle), a folder, or another address (default: the archive of "
        "github.com/fruits-360)",
    )
    add_earlier_name(fruit, "--from", "--archive")
    fruit.add_argument("--sha256", metavar="HEX", help="refuse an archive that has another sha256")
    parsed = parser.parse_args(arguments)
    folder = parsed.output or Path("data") / parsed.name
    if parsed.name == "elpv":
        if parsed.classes or parsed.archive or parsed.sha256:
            parser.error("--classes, --archive and --sha256 belong to fruits-360")
        images: Iterable[Image] = elpv()
    else:
        classes = [name.strip() for name in parsed.classes.split(",") if name.strip()]
        images = fruits_360(parsed.archive, classes, parsed.sha256)
    count = write_sample(parsed.name, images, folder)
    print(f"{escape_control_chars(str(folder))}: {count} images")
    say(f"next: {NAME} {shlex.quote(str(folder))}")
    return DONE
