"""python -m benchmarks claims [NAME...]: what Quince claims, measured again."""

import os
from collections.abc import Sequence
from itertools import chain

from benchmarks.claim_scripts import Script, scripts
from benchmarks.claim_scripts import run as run_script
from benchmarks.claim_table import CLAIMS, Figure
from benchmarks.commands import VERBS
from benchmarks.conditions import read_conditions
from benchmarks.run_arguments import add_run_arguments, check_run_arguments, show_table, told_command
from benchmarks.runs import made_run, write_run
from runtime import cli
from runtime.errors import InputRefused, MachineError
from runtime.plugins import choose
from runtime.records import build

NAME = cli.program("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    table = scripts()
    kinds = sorted({need for script in table.values() for need in script.needs})
    parser = cli.Parser(prog=f"{NAME} claims", description=VERBS["claims"].help.capitalize() + ". Exits 3 if one does not.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all that the options below are given for); see --list")
    for kind in kinds:
        users = ", ".join(script.name for script in table.values() if kind in script.needs)
        parser.add_argument(f"--{kind}", nargs="+", metavar="PATH", help=f"for {users}")
    parser.add_argument("--list", action="store_true", help="say what there is and what each needs, and measure nothing")
    add_run_arguments(parser)
    options = parser.parse_args(arguments)
    check_run_arguments(options, CLAIMS)
    chosen = [choose(table, name.replace("_", "-"), "claim") for name in options.names] or list(table.values())
    if options.table:
        show_table(options, CLAIMS)
        return cli.DONE
    if options.list:
        for script in chosen:
            print(f"{script.name} {' '.join(f'--{need} PATH' for need in script.needs)}".rstrip() + f": {script.what}")
        return cli.DONE
    given = {kind: value for kind in kinds if (value := getattr(options, kind)) is not None}
    for path in chain.from_iterable(given.values()):
        if not os.path.lexists(path):
            raise InputRefused(path, "no such file or folder")
    lacking = {script.name: [need for need in script.needs if need not in given] for script in chosen}
    if options.names and any(lacking.values()):
        name, needs = next((name, needs) for name, needs in lacking.items() if needs)
        raise InputRefused(name, f"needs {' and '.join(f'--{need} PATH' for need in needs)}")
    ready = [script for script in chosen if not lacking[script.name]]
    if not ready:
        raise InputRefused("claims", f"each needs something to measure: {', '.join(f'--{kind}' for kind in kinds)}; see --list")
    before = read_conditions()
    found, failed = _run_all(ready, given)
    run = made_run(told_command(CLAIMS, arguments), before, read_conditions(), found, failed)
    for doubt in run.doubts:
        cli.say(f"{NAME}: doubt: {doubt}")
    for name, needs in lacking.items():
        if needs:
            cli.say(f"{NAME}: {name}: not measured: needs {' and '.join(f'--{need} PATH' for need in needs)}")
    if options.json:
        write_run(options.json, CLAIMS, run, add=options.add)
    if failed:
        return cli.MACHINE
    return cli.DONE if all(one.holds for one in found) else cli.CHECK_FAILED


def _run_all(ready: Sequence[Script], given: dict[str, list[str]]) -> tuple[list[Figure], dict[str, str]]:
    """The figures of all, printed as they come; and the scripts that gave none, with the reason."""
    found: list[Figure] = []
    failed = {}
    for script in ready:
        try:
            figures = run_script(script, given)
        except MachineError as error:
            cli.say(f"{NAME}: {error}")
            failed[script.name] = error.reason
            continue
        for one in figures:
            found.append(build(Figure, {"script": script.name, **one}))
            print(cli.printable(str(found[-1])), flush=True)
    return found, failed
