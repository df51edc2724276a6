"""python -m benchmarks claims [NAME...]: what Quince claims, measured again."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.arguments import add_overwrite_argument, check_free
from benchmarks.claim_scripts import Script, run, scripts
from benchmarks.claim_table import KIND, SCHEMA, Figure, claim_table
from benchmarks.commands import VERBS
from benchmarks.conditions import doubts_of, read_conditions
from runtime import cli
from runtime.atomic import write_file
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
    parser.add_argument("--table", type=Path, metavar="FILE", help="print what --json wrote there as a Markdown table, and measure nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the conditions there")
    add_overwrite_argument(parser)
    options = parser.parse_args(arguments)
    check_free(options.json, overwrite=options.overwrite)
    chosen = [choose(table, name.replace("_", "-"), "claim") for name in options.names] or list(table.values())
    if options.table:
        print(claim_table(options.table), end="", flush=True)
        return cli.DONE
    if options.list:
        for script in chosen:
            print(f"{script.name} {' '.join(f'--{need} PATH' for need in script.needs)}".rstrip() + f": {script.what}")
        return cli.DONE
    given = {kind: value for kind in kinds if (value := getattr(options, kind)) is not None}
    lacking = {script.name: [need for need in script.needs if need not in given] for script in chosen}
    if options.names and any(lacking.values()):
        name, needs = next((name, needs) for name, needs in lacking.items() if needs)
        raise InputRefused(name, f"needs {' and '.join(f'--{need} PATH' for need in needs)}")
    ready = [script for script in chosen if not lacking[script.name]]
    if not ready:
        raise InputRefused("claims", f"each needs something to measure: {', '.join(f'--{kind}' for kind in kinds)}; see --list")
    before = read_conditions()
    found, failed = _run_all(ready, given)
    after = read_conditions()
    doubts = list(doubts_of(before, after))
    for doubt in doubts:
        cli.say(f"{NAME}: doubt: {doubt}")
    for name, needs in lacking.items():
        if needs:
            cli.say(f"{NAME}: {name}: not measured: needs {' and '.join(f'--{need} PATH' for need in needs)}")
    if options.json:
        result = {"before": asdict(before), "after": asdict(after), "doubts": doubts, "claims": found, "failed": failed}
        write_file(options.json, json.dumps({"kind": KIND, "schema": SCHEMA, **result}, indent=1) + "\n")
    if failed:
        return cli.MACHINE
    return cli.DONE if all(claim["holds"] for claim in found) else cli.CHECK_FAILED


def _run_all(ready: Sequence[Script], given: dict[str, list[str]]) -> tuple[list[dict[str, object]], list[str]]:
    """The figures of all, printed as they come; and the scripts that gave none."""
    found: list[dict[str, object]] = []
    failed = []
    for script in ready:
        try:
            figures = run(script, given)
        except MachineError as error:
            cli.say(f"{NAME}: {error}")
            failed.append(script.name)
            continue
        for one in figures:
            found.append({"script": script.name, **one})
            print(cli.printable(str(build(Figure, found[-1]))), flush=True)
    return found, failed
