"""Parses command lines: the argument parser of all programs, and the arguments that they share."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from runtime.cli import completion
from runtime.cli.identity import quince_version
from runtime.errors import DONE, REFUSED, InputRefused
from runtime.system.terminal import say

HELP_WIDTH = 80
"""Columns of help texts. To ask for the terminal's own width, argparse imports shutil, which takes
1.4 % of the instructions of a start of `python -m runtime predict`."""


_prints_json = False


def expect_json(program: str, words: Sequence[str]) -> None:
    """Notes whether a command line that is not parsed yet asks for results as JSON.

    Errors that come before and while it is parsed need that, too.
    """
    global _prints_json
    writes_files = program == "benchmarks" and list(words[:1]) != ["compare"]
    _prints_json = "--json" in words and not writes_files


def prints_json() -> bool:
    """Returns whether the command line has the flag --json.

    An option `--json FILE` writes a file, and is no such flag.
    """
    return _prints_json


def add_earlier_name(parser: argparse._ActionsContainer, earlier: str, name: str) -> None:
    """Lets the option `name` be written `earlier`, too; --help does not show that.

    Scripts and service units of earlier versions still work.
    """
    parser._option_string_actions[earlier] = parser._option_string_actions[name]


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=HELP_WIDTH)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if not action.default:
            return action.help
        return super()._get_help_string(action)


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser that reports an error in one line and guesses no option from a prefix.

    An empty path is an error, too: Python takes it for the current folder.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _HelpFormatter)
        super().__init__(**options, allow_abbrev=False)
        self.register("type", Path, path_argument)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses a command line, and notes whether it asks for results as JSON.

        Where a shell asks for completions, it prints them and ends the program.
        """
        global _prints_json
        if completion.VARIABLE in os.environ:
            words = sys.argv[1:] if args is None else args
            completion.offer(completion.next_words(self, words, os.environ[completion.VARIABLE]))
            raise SystemExit(DONE)
        parsed = super().parse_args(args, namespace)
        _prints_json = getattr(parsed, "json", None) is True
        return parsed

    def _print_message(self, message: str, file: Any = None) -> None:
        """Lets a full disk be an error; argparse ignores it."""
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        if prints_json():
            from runtime.cli.output import print_error  # json, which no good start needs

            print_error(InputRefused(self.prog, message))
        say(f"{self.prog}: {message} (see {self.prog} --help)")
        raise SystemExit(REFUSED)


def add_version(parser: argparse.ArgumentParser) -> None:
    """Adds --version, which prints the installed version of quince-edge."""
    parser.add_argument("--version", action="version", version=f"quince {quince_version()}")


def add_interpreter_arguments(parser: argparse.ArgumentParser, artifact: str) -> None:
    """Adds --artifact, --threads and --json; `artifact` describes the default in words."""
    parser.add_argument(
        "--artifact", metavar="FILE", help=f"the model file of the bundle (default: {artifact})"
    )
    parser.add_argument(
        "--threads",
        type=positive_int_argument,
        metavar="N",
        help="interpreter threads (default: all cores that this process may use)",
    )
    add_json(parser, lines=True)


def add_json(parser: argparse.ArgumentParser, *, lines: bool = False) -> None:
    """Adds --json; `lines` says that there are several results."""
    text = "print one JSON object a line" if lines else "print the result as JSON"
    parser.add_argument("--json", action="store_true", help=text)


def add_output(parser: argparse._ActionsContainer, text: str, default: Path | None = None) -> None:
    """Adds -o or --output, the file or folder that a command writes; `text` is its help."""
    parser.add_argument("-o", "--output", type=Path, default=default, metavar="PATH", help=text)


def add_thresholds(parser: argparse.ArgumentParser) -> None:
    """Adds --min-score and --min-similarity; None stands for what the model file says."""
    parser.add_argument(
        "--min-score",
        type=fraction_argument,
        metavar="N",
        help="with a lower score the answer is unsure, 0..1; unknown if the file has no"
        " similarities (default: what export found)",
    )
    parser.add_argument(
        "--min-similarity",
        type=similarity_argument,
        metavar="N",
        help="an image less similar to every class is unknown, -1..1 (default: what export found)",
    )


def path_argument(text: str) -> Path:
    """Returns a path; every CommandParser uses it for the `type` Path."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, found an empty text")
    return Path(text)


def fraction_argument(text: str) -> float:
    """Returns a number from 0 to 1; it is the `type` of an argument."""
    return number_within(text, 0, 1, "a number from 0 to 1")


def similarity_argument(text: str) -> float:
    """Returns a number from -1 to 1; it is the `type` of an argument."""
    return number_within(text, -1, 1, "a number from -1 to 1")


def seconds_argument(text: str) -> float:
    """Returns a number of seconds from 0.01 to 86400; it is the `type` of an argument."""
    return number_within(text, 0.01, 86400, "seconds from 0.01 to 86400")


def duration_argument(text: str) -> float:
    """Returns the seconds of a time such as 30s, 10m or 1h; it is the `type` of an argument."""
    factor = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
    seconds = _number(text[:-1]) * factor
    if not 0.01 <= seconds <= 7 * 86400:
        raise argparse.ArgumentTypeError(f"expected a time such as 30s, 10m or 1h, found {text}")
    return seconds


def number_within(text: str, low: float, high: float, expected: str) -> float:
    """Returns the number in a text.

    Raises:
        argparse.ArgumentTypeError: it is none, or not from `low` to `high`, as `expected` says.
    """
    value = _number(text)
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"expected {expected}, found {text}")
    return value


def _number(text: str) -> float:
    """Returns the number, or NaN, which lies in no range."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def positive_int_argument(text: str) -> int:
    """Returns a whole number from 1 to 999999999; it is the `type` of an argument."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        too_large = text.isdigit() and text.strip("0")
        limit = " to 999999999" if too_large else ""
        raise argparse.ArgumentTypeError(f"expected a whole number from 1{limit}, found {text}")
    return int(text)


def positive_ints_argument(text: str) -> tuple[int, ...]:
    """Returns the whole numbers between commas; it is the `type` of an argument."""
    return tuple(map(positive_int_argument, text.split(",")))
