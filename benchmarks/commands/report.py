"""Implements `python -m benchmarks report LATENCY.json`, which shows what was measured."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy import AccuracyReport
from benchmarks.commands.arguments import add_overwrite_argument, require_free
from benchmarks.commands.table import VERBS
from benchmarks.reporting.html_report import render
from benchmarks.reporting.markdown import markdown
from benchmarks.reporting.result_file import LatencyReport
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_output
from runtime.errors import DONE, InputRefused
from runtime.system.atomic_files import write_file
from runtime.system.terminal import say

NAME = program_name("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    report = LatencyReport.read(options.latency)
    page = options.output or options.latency.with_suffix(".html")
    if page.resolve() == options.latency.resolve():
        raise InputRefused(str(page), "is the latency result itself; name another file with -o")
    if options.accuracy:
        report = _with_accuracies(report, options.accuracy)
    require_free(page, overwrite=options.overwrite)
    write_file(page, render(report))
    print(markdown(report), end="", flush=True)
    say(f"{NAME}: page: {page}")
    return DONE


def _parser() -> CommandParser:
    text = VERBS["report"].help
    description = f"{text[0].upper()}{text[1:]}. The table goes to standard output."
    parser = CommandParser(prog=f"{NAME} report", description=description)
    parser.add_argument("latency", type=Path, help="a file that latency -o wrote")
    parser.add_argument(
        "--accuracy",
        type=Path,
        metavar="FILE",
        help="a file that accuracy -o wrote (default: the accuracies of the bundle's parity.json)",
    )
    add_output(parser, "the page to write (default: LATENCY.html, beside LATENCY.json)")
    add_overwrite_argument(parser)
    return parser


def _with_accuracies(report: LatencyReport, path: Path) -> LatencyReport:
    """Returns the report with the accuracies of this file; those that it lacks are not known."""
    accuracies = {result.sha256: result.accuracy for result in AccuracyReport.read(path).results}
    if not any(measurement.sha256 in accuracies for measurement in report.measurements):
        raise InputRefused(str(path), "has none of the model files that were timed")
    measurements = (
        replace(measurement, accuracy=accuracies.get(measurement.sha256))
        for measurement in report.measurements
    )
    return replace(report, measurements=tuple(measurements))
