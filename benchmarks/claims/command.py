"""Implements `python -m benchmarks claims [NAME...]`, which measures what Quince claims."""

import argparse
import os
from collections.abc import Mapping, Sequence
from itertools import chain

from benchmarks.claims.base import Claim, worst_of
from benchmarks.claims.registry import OLD_NAMES, ClaimScript, claim_scripts, run_script
from benchmarks.claims.table import CLAIMS
from benchmarks.commands.table import VERBS
from benchmarks.measurement.conditions import read_conditions
from benchmarks.recorded.arguments import (
    add_result_arguments,
    check_result_arguments,
    recorded_command,
    show_table,
)
from benchmarks.recorded.runs_file import new_run, write_run
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_earlier_name, positive_int_argument
from runtime.errors import CHECK_FAILED, DONE, MACHINE, InputRefused, MachineError
from runtime.system.lazy_loading import lookup
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("benchmarks")
ROUNDS = 3
"""How often a claim is measured, if --rounds does not say otherwise."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    scripts = claim_scripts()
    kinds = sorted({kind for script in scripts.values() for kind in script.arguments})
    options = _parser(scripts, kinds).parse_args(arguments)
    check_result_arguments(options, CLAIMS)
    if options.table:
        show_table(options, CLAIMS)
        return DONE
    chosen = [_script(scripts, name) for name in options.names] or list(scripts.values())
    if options.list:
        print(
            "\n".join(
                f"{script.name}{_usage(script.arguments)}: {script.summary}" for script in chosen
            )
        )
        return DONE
    paths = {kind: getattr(options, kind) for kind in kinds if getattr(options, kind) is not None}
    for path in chain.from_iterable(paths.values()):
        if not os.path.lexists(path):
            raise InputRefused(path, "no such file or folder")
    missing = {
        script.name: [kind for kind in script.arguments if kind not in paths] for script in chosen
    }
    ready = [script for script in chosen if not missing[script.name]]
    if options.names and len(ready) < len(chosen):
        name = next(name for name in missing if missing[name])
        raise InputRefused(name, f"needs{_usage(missing[name])}")
    if not ready:
        expected = ", ".join(f"--{kind}" for kind in kinds)
        raise InputRefused("claims", f"expected something to measure ({expected}); see --list")
    code = _measure(ready, paths, options, recorded_command(CLAIMS, arguments))
    for name, lacking in missing.items():
        if lacking:
            say(f"{NAME}: {name}: not measured: needs{_usage(lacking)}")
    return code


def _parser(scripts: Mapping[str, ClaimScript], kinds: Sequence[str]) -> CommandParser:
    description = f"{VERBS['claims'].help.capitalize()}. Exits with 3 if one does not."
    parser = CommandParser(prog=f"{NAME} claims", description=description)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="which claims; see --list (default: all whose paths are passed)",
    )
    for kind in kinds:
        users = ", ".join(script.name for script in scripts.values() if kind in script.arguments)
        metavar = "DIR" if kind == "data" else "PATH"
        parser.add_argument(f"--{kind}", nargs="+", metavar=metavar, help=f"needed by {users}")
        if kind == "images":
            add_earlier_name(parser, "--image", "--images")
    parser.add_argument(
        "--list", action="store_true", help="list the claims and the paths that each needs, and end"
    )
    parser.add_argument(
        "--rounds",
        type=positive_int_argument,
        default=ROUNDS,
        metavar="N",
        help="run each script N times; the worst figure counts, and a claim is not shown if its bar"
        " lies within the spread",
    )
    add_earlier_name(parser, "--runs", "--rounds")
    add_result_arguments(parser)
    return parser


def _script(scripts: Mapping[str, ClaimScript], name: str) -> ClaimScript:
    name = name.replace("_", "-")
    return lookup(scripts, OLD_NAMES.get(name, name), "claim")


def _usage(kinds: Sequence[str]) -> str:
    return "".join(f" --{kind} PATH" for kind in kinds)


def _measure(
    scripts: Sequence[ClaimScript],
    paths: Mapping[str, Sequence[str]],
    options: argparse.Namespace,
    command: str,
) -> int:
    """Runs the scripts, prints and records their claims; returns the exit code."""
    before = read_conditions()
    claims, failed = _run_all(scripts, paths, options.rounds)
    run = new_run(command, before, read_conditions(), claims, failed)
    for doubt in run.doubts:
        say(f"{NAME}: doubt: {doubt}")
    if options.output:
        write_run(options.output, CLAIMS, run, add=options.append)
    if failed:
        return MACHINE
    return DONE if all(claim.holds for claim in claims) else CHECK_FAILED


def _run_all(
    scripts: Sequence[ClaimScript], paths: Mapping[str, Sequence[str]], count: int
) -> tuple[list[Claim], dict[str, str]]:
    """Runs all scripts, then all again, so that the runs of one lie far apart.

    Returns the claims and why a script measured none, by name. Each claim is printed after its last
    run, and the figures of one run go to standard error.
    """
    runs: dict[str, list[list[Claim]]] = {script.name: [] for script in scripts}
    failed: dict[str, str] = {}
    claims: list[Claim] = []
    for number in range(count):
        for script in scripts:
            if script.name in failed:
                continue
            try:
                runs[script.name].append(run_script(script, paths))
            except MachineError as error:
                say(f"{NAME}: {error}")
                failed[script.name] = error.reason
                continue
            if number == count - 1:
                measured = worst_of(runs[script.name])
                claims += measured
                for claim in measured:
                    print(escape_control_chars(str(claim)), flush=True)
    return claims, failed
