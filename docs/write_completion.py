"""Writes completion.bash and completion.zsh: what shells need to complete the words of `quince`.

Run it with `make reference` after a change of an option. A test compares. The files are static, so
that a Pi completes a word without starting Python and without a further package. Those in
`workstation` have all words, those in `runtime/cli` the words of a device.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import shtab

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ |= {"QUINCE_CONSOLE": "1", "HOME": "~", "XDG_CACHE_HOME": ""}

from benchmarks.commands.table import VERBS as BENCH  # noqa: E402
from benchmarks.commands.table import WORKSTATION_VERBS as WORKSTATION  # noqa: E402
from export.commands import export  # noqa: E402
from runtime.cli.console_script import SHELLS  # noqa: E402
from runtime.cli.parser import CommandParser  # noqa: E402
from runtime.commands.table import VERBS as RUN  # noqa: E402
from train.commands.table import TRAIN  # noqa: E402
from train.commands.table import VERBS as TRAIN_VERBS  # noqa: E402


class _Parsed(Exception):
    """Carries a parser away from the command that was about to use it."""


def parser_of(main: Callable[[Sequence[str]], int]) -> argparse.ArgumentParser:
    """Returns the parser that a command builds; the command does not run."""

    def stop(self: CommandParser, *_: Any) -> NoReturn:
        raise _Parsed(self)

    with patch.object(CommandParser, "parse_args", stop):
        try:
            main([])
        except _Parsed as parsed:
            parser: argparse.ArgumentParser = parsed.args[0]
    for action in parser._actions:
        if action.type is Path or action.dest in ("source", "images", "data"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def add_words(parser: argparse.ArgumentParser, parsers: dict[str, argparse.ArgumentParser]) -> None:
    """Lets `parser` go on with one of `parsers` after its word, as dispatch does."""
    words = parser.add_subparsers()
    for name, below in parsers.items():
        words.add_parser(name, help=below.description)
        words.choices[name] = below


def all_words(device: bool) -> argparse.ArgumentParser:
    """Returns one parser of all programs and verbs (of a device), which says what each takes."""
    root = argparse.ArgumentParser(prog="quince")
    train = parser_of(import_module(TRAIN.module).main)
    train._actions[:] = [action for action in train._actions if action.option_strings]
    bench = {name: verb for name, verb in BENCH.items() if not device or name not in WORKSTATION}
    programs = {
        "train": (train, TRAIN_VERBS),  # bash completes a folder where no verb fits
        "export": (parser_of(export.main), {}),
        "run": (argparse.ArgumentParser(description="Classify images."), RUN),
        "bench": (argparse.ArgumentParser(description="Measure models."), bench),
    }
    if device:
        del programs["train"], programs["export"]
    for parser, verbs in programs.values():
        if verbs:
            parsers = {
                name: parser_of(import_module(verb.module).main) for name, verb in verbs.items()
            }
            add_words(parser, parsers)
    completion = argparse.ArgumentParser(description="Print what a shell needs for completion.")
    completion.add_argument("shell", choices=SHELLS)
    parsers = {name: parser for name, (parser, _) in programs.items()}
    add_words(root, parsers | {"completion": completion})
    return root


def scripts() -> dict[str, str]:
    """Returns the content of each file by its name."""
    found = {}
    for folder, device in (("workstation", False), ("runtime/cli", True)):
        root = all_words(device)
        for shell in SHELLS:
            text = shtab.complete(root, shell)
            text = text.replace("complete -o bashdefault", "complete -o bashdefault -o default")
            found[f"{folder}/completion.{shell}"] = text
    return found


def main(root: Path) -> None:
    """Writes all files below `root`."""
    for name, text in scripts().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
