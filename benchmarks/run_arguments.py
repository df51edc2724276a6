"""The options of `claims` and `peers` that keep what they measured and show it again."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arguments import add_overwrite_argument, check_free
from benchmarks.runs import Kind, read_runs
from benchmarks.written_table import write_into
from runtime.command import command_line
from runtime.errors import InputRefused


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --json, --add, --overwrite, --table and --into."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the conditions there")
    parser.add_argument("--add", action="store_true", help="keep the runs of other commands that are in that file")
    add_overwrite_argument(parser)
    parser.add_argument("--table", type=Path, metavar="FILE", help="print what --json wrote there as Markdown tables, and measure nothing")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the tables into this page, between the lines that name this command")


def check_run_arguments(options: argparse.Namespace, kind: Kind) -> None:
    """Refuses a file that cannot be written, before long work is done for it.

    Raises:
        InputRefused: it is there already, with --add it holds something else, or options contradict each other.
        MachineError: this user may not write there.
    """
    if options.into and not options.table:
        raise InputRefused("--into", "expected --table FILE beside it: which result is to be put there")
    if options.add and not options.json:
        raise InputRefused("--add", "expected --json FILE beside it: to which result this run is to be added")
    check_free(options.json, overwrite=options.overwrite or options.add)
    if options.add and options.json.exists():
        read_runs(options.json, kind)


def show_table(options: argparse.Namespace, kind: Kind) -> None:
    """Prints the tables of `options.table`, or puts them into `options.into`.

    Raises:
        InputRefused: no such result, or a page without a place for it.
    """
    text = kind.table(read_runs(options.table, kind))
    if options.into:
        write_into(options.into, f"python -m benchmarks {kind.name} --table {options.table}", text)
    else:
        print(text, end="", flush=True)


def told_command(kind: Kind, arguments: Sequence[str]) -> str:
    """The command as a result tells it."""
    return command_line("benchmarks", [kind.name, *arguments], not_told=("--overwrite", "--add"))
