"""Runs `python -m runtime install NEW PLACE`, which replaces the bundle in use by a new one."""

from collections.abc import Sequence
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, positive_int_argument
from runtime.commands.table import VERBS
from runtime.deployment.install import InstallResult, install
from runtime.errors import DONE
from runtime.system.terminal import escape_control_chars

NAME = program_name("runtime")
OUTCOMES = {
    "installed": "installed",
    "unchanged": "already there, unchanged",
    "repaired": "was there with damaged or other files, repaired",
    "rolled back": "restored",
}


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(
        prog=f"{NAME} install", description=VERBS["install"].help.capitalize() + "."
    )
    parser.add_argument("new", type=Path, help="the bundle folder that was copied here")
    parser.add_argument("place", type=Path, help="the bundle folder in use, or a new path for one")
    parser.add_argument(
        "--allow-downgrade",
        action="store_true",
        help="also install a bundle that was exported before the one in use",
    )
    parser.add_argument(
        "--threads",
        type=positive_int_argument,
        metavar="N",
        help="interpreter threads (default: the cores allowed)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    installed = install(
        options.new, options.place, allow_downgrade=options.allow_downgrade, threads=options.threads
    )
    print_result(installed, as_json=options.json, text=lambda: describe_installation(installed))
    return DONE


def describe_installation(installed: InstallResult) -> str:
    """Returns the bundle in use and the way back, and after an install what was checked."""
    place = escape_control_chars(installed.place)
    line = f"{place}: bundle {installed.id}"
    if installed.exported:
        line += f", exported {installed.exported}"
    line += f", {OUTCOMES[installed.outcome]}"
    if installed.previous_id:
        line += f"; {installed.previous_id} is kept: {NAME} rollback {place}"
    lines = [line]
    if installed.checked:
        lines.append(
            f"  checked here: {installed.images} golden images answered as at export: "
            f"{_file_names(installed.checked)}"
        )
    if installed.unchecked:
        lines.append(
            f"  not checked, because an interpreter is missing: {_file_names(installed.unchecked)}"
        )
    return "\n".join(lines)


def _file_names(files: Sequence[str]) -> str:
    return ", ".join(map(escape_control_chars, files))
