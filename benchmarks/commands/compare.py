"""Implements `python -m benchmarks compare OLD.json NEW.json`, which finds slowdowns."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.commands.arguments import number_argument
from benchmarks.commands.table import VERBS
from benchmarks.comparison import Ratio, compare_reports, in_one_only
from benchmarks.reporting.result_file import LatencyReport
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json
from runtime.errors import CHECK_FAILED, DONE
from runtime.system.terminal import say

NAME = program_name("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    reports = {path: LatencyReport.read(path) for path in (options.old, options.new)}
    for path, report in reports.items():
        for doubt in report.doubts():
            say(f"{NAME}: {path}: doubt: {doubt}")
    old, new = reports[options.old], reports[options.new]
    ratios = compare_reports(old, new, (str(options.old), str(options.new)))
    for ratio in ratios:
        print_result(asdict(ratio), as_json=options.json, text=ratio.__str__)
    only_old, only_new = in_one_only(old, new)
    for path, labels in ((options.old, only_old), (options.new, only_new)):
        for label in labels:
            say(f"{NAME}: not compared: {label} is in {path} only")
    if options.max_slowdown is None:
        return DONE
    slower = [ratio for ratio in ratios if ratio.ratio > 1 + options.max_slowdown]
    for ratio in slower:
        say(f"{NAME}: {_slowdown(ratio, options.max_slowdown)}")
    return CHECK_FAILED if slower or only_old or only_new else DONE


def _parser() -> CommandParser:
    description = f"{VERBS['compare'].help.capitalize()}."
    parser = CommandParser(prog=f"{NAME} compare", description=description)
    parser.add_argument("old", type=Path, help="an earlier file that latency -o wrote")
    parser.add_argument("new", type=Path, help="a file of today")
    parser.add_argument(
        "--max-slowdown",
        type=number_argument,
        metavar="FRACTION",
        help="exit with 3 if a median grew by more than this fraction, such as 0.05, or if "
        "something could not be compared",
    )
    add_json(parser, lines=True)
    return parser


def _slowdown(ratio: Ratio, limit: float) -> str:
    text = f"{ratio.what}: slower by {ratio.ratio - 1:.1%}, more than {limit:.1%}"
    if ratio.low <= 1 + limit:
        text += f", though its interval begins at {ratio.low - 1:+.1%}"
    return text
