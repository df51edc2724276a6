"""Runs `python -m runtime rollback PLACE`, which restores the bundle from before an install."""

from collections.abc import Sequence
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json
from runtime.commands.install import describe_installation
from runtime.commands.table import VERBS
from runtime.deployment.install import roll_back
from runtime.errors import DONE

NAME = program_name("runtime")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} rollback", description=VERBS["rollback"].help.capitalize() + "."
    )
    parser.add_argument("in_use", type=Path, help="the bundle folder in use")
    add_json(parser)
    options = parser.parse_args(arguments)
    installed = roll_back(options.in_use)
    print_result(installed, as_json=options.json, text=lambda: describe_installation(installed))
    return DONE
