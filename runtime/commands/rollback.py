"""python -m runtime rollback PLACE: puts back the bundle that was there before the last install."""

from collections.abc import Sequence
from pathlib import Path

from runtime import cli
from runtime.commands import VERBS
from runtime.commands.install import describe
from runtime.installation import roll_back

NAME = cli.program("runtime")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} rollback", description=VERBS["rollback"].help.capitalize() + ".")
    parser.add_argument("place", type=Path, help="the bundle folder in use")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    installed = roll_back(options.place)
    cli.show(installed, as_json=options.json, text=lambda: describe(installed))
    return cli.DONE
