"""python -m benchmarks compare OLD.json NEW.json: did it become slower?"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.arguments import number
from benchmarks.commands import VERBS
from benchmarks.comparison import compare, in_one_only
from benchmarks.latency_report import LatencyReport
from runtime import cli

NAME = cli.program("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} compare", description=VERBS["compare"].help.capitalize() + ".")
    parser.add_argument("old", type=Path, help="what python -m benchmarks latency --json wrote")
    parser.add_argument("new", type=Path, help="the same, of today")
    parser.add_argument(
        "--max-slowdown",
        type=number,
        metavar="F",
        help="exit 3 if a median grew by more than this fraction, as 0.05, or could not be compared",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    old, new = LatencyReport.read(options.old), LatencyReport.read(options.new)
    for path, report in ((options.old, old), (options.new, new)):
        for doubt in report.doubts():
            cli.say(f"{NAME}: {path}: doubt: {doubt}")
    ratios = compare(old, new, (str(options.old), str(options.new)))
    for ratio in ratios:
        cli.show(asdict(ratio), as_json=options.json, text=ratio.__str__)
    missing = [
        f"{what} is in {path} only" for path, found in zip((options.old, options.new), in_one_only(old, new), strict=True) for what in found
    ]
    for one in missing:
        cli.say(f"{NAME}: not compared: {one}")
    if options.max_slowdown is None:
        return cli.DONE
    slower = [ratio for ratio in ratios if ratio.ratio > 1 + options.max_slowdown]
    for ratio in slower:
        sure = "" if ratio.low > 1 + options.max_slowdown else f", though its interval begins at {ratio.low - 1:+.1%}"
        cli.say(f"{NAME}: {ratio.what}: slower by {ratio.ratio - 1:.1%}, more than {options.max_slowdown:.1%}{sure}")
    return cli.CHECK_FAILED if slower or missing else cli.DONE
