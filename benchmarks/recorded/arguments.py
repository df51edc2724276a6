"""Adds the options of `claims` and `peers` that record what was measured and show it again."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands.arguments import add_overwrite_argument, add_result_file, require_free
from benchmarks.recorded.docs_table import write_into
from benchmarks.recorded.runs_file import ResultType, read_runs
from runtime.cli.parser import add_earlier_name
from runtime.errors import InputRefused
from runtime.shared.rerun_command import rerun_command


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --output, --append, --overwrite, --table and --into."""
    add_result_file(parser, "JSON file for the figures and the conditions")
    parser.add_argument(
        "--append",
        action="store_true",
        help="keep what other commands measured, if the file of -o holds it",
    )
    add_earlier_name(parser, "--add", "--append")
    add_overwrite_argument(parser)
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="print a file that -o wrote as Markdown tables, and measure nothing",
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="PAGE",
        help="write the tables into PAGE, between the lines that name this command",
    )


def check_result_arguments(options: argparse.Namespace, result_type: ResultType) -> None:
    """Checks that the result can be written, before long work is done for it.

    Raises:
        InputRefused: the file exists, with --append it holds something else, or options contradict
            each other.
        MachineError: this user may not write there.
    """
    if options.into and not options.table:
        raise InputRefused("--into", "expected --table FILE too, the result to write into the page")
    if options.append and not options.output:
        raise InputRefused("--append", "expected -o FILE too, the result to add this run to")
    require_free(options.output, overwrite=options.overwrite or options.append)
    if options.append and options.output.exists():
        read_runs(options.output, result_type)


def show_table(options: argparse.Namespace, result_type: ResultType) -> None:
    """Prints the tables of `options.table`, or writes them into `options.into`.

    Raises:
        InputRefused: no such result, or a page without a place for it.
    """
    text = result_type.table(read_runs(options.table, result_type))
    if options.into:
        command = f"python -m benchmarks {result_type.name} --table {options.table}"
        write_into(options.into, command, text)
    else:
        print(text, end="", flush=True)


def recorded_command(result_type: ResultType, arguments: Sequence[str]) -> str:
    """Returns the command as a result records it."""
    words = [result_type.name, *arguments]
    return rerun_command("benchmarks", words, omitted=("--overwrite", "--append", "--add"))
