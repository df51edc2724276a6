"""python -m runtime install NEW PLACE: puts a bundle where the runtime looks for it, if it works here."""

from collections.abc import Sequence
from pathlib import Path

from runtime import cli
from runtime.commands import VERBS
from runtime.installation import Installed, install

NAME = cli.program("runtime")
OUTCOMES = {
    "installed": "installed",
    "unchanged": "already there, unchanged",
    "repaired": "was there with damaged or other files, repaired",
    "rolled back": "put back",
}


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} install", description=VERBS["install"].help.capitalize() + ".")
    parser.add_argument("new", type=Path, help="the bundle folder that was copied here")
    parser.add_argument("place", type=Path, help="the bundle folder in use, or where one is to be")
    parser.add_argument("--allow-downgrade", action="store_true", help="also one that was exported before the one in use")
    parser.add_argument("--threads", type=cli.positive, metavar="N", help="interpreter threads (default: the cores allowed)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    installed = install(options.new, options.place, allow_downgrade=options.allow_downgrade, threads=options.threads)
    cli.show(installed, as_json=options.json, text=lambda: describe(installed))
    return cli.DONE


def describe(installed: Installed) -> str:
    """What is there now and the way back; below it, after an install, what was checked."""
    place = cli.printable(installed.place)
    when = f", exported {installed.exported}" if installed.exported else ""
    back = f"; {installed.previous_id} is kept: {NAME} rollback {place}" if installed.previous_id else ""
    lines = [f"{place}: bundle {installed.id}{when}, {OUTCOMES[installed.outcome]}{back}"]
    if installed.checked:
        files = ", ".join(cli.printable(file) for file in installed.checked)
        lines.append(f"  checked here: {installed.pictures} golden pictures answered as at export: {files}")
    if installed.unchecked:
        lines.append(f"  not checked, for want of an interpreter: {', '.join(cli.printable(file) for file in installed.unchecked)}")
    return "\n".join(lines)
