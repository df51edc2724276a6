"""python -m benchmarks report LATENCY.json: a page and a Markdown table of what was measured."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy import AccuracyReport
from benchmarks.arguments import add_overwrite_argument, check_free
from benchmarks.commands import VERBS
from benchmarks.latency_report import LatencyReport
from benchmarks.page import render
from benchmarks.table import markdown
from runtime import cli
from runtime.atomic import write_file
from runtime.errors import InputRefused

NAME = cli.program("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} report", description=VERBS["report"].help.capitalize() + ". The table goes to standard output.")
    parser.add_argument("latency", type=Path, help="what python -m benchmarks latency --json wrote")
    where = "what accuracy --json wrote (default: the accuracies of the bundle's parity.json)"
    parser.add_argument("--accuracy", type=Path, metavar="FILE", help=where)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the page (default: LATENCY.html, beside it)")
    add_overwrite_argument(parser)
    options = parser.parse_args(arguments)
    report = LatencyReport.read(options.latency)
    page = options.output or options.latency.with_suffix(".html")
    if page.resolve() == options.latency.resolve():
        raise InputRefused(str(page), "is the latency result itself; name another file with -o")
    if options.accuracy:
        report = _with_accuracies(report, options.accuracy)
    check_free(page, overwrite=options.overwrite)
    write_file(page, render(report))
    print(markdown(report), end="", flush=True)
    cli.say(f"{NAME}: page: {page}")
    return cli.DONE


def _with_accuracies(report: LatencyReport, path: Path) -> LatencyReport:
    """The report with the accuracies of this file; what it does not have is not known."""
    known = {one.sha256: one.accuracy for one in AccuracyReport.read(path).results}
    if not any(one.sha256 in known for one in report.measurements):
        raise InputRefused(str(path), "has none of the model files that were timed")
    return replace(report, measurements=tuple(replace(one, accuracy=known.get(one.sha256)) for one in report.measurements))
