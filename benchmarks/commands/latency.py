"""python -m benchmarks latency BUNDLE|MODEL...: how long one picture takes on this machine."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arguments import add_model_arguments, add_overwrite_argument, add_rule_arguments, add_threads_argument, check_free, rule_of
from benchmarks.commands import VERBS
from benchmarks.comparison import compare_pair
from benchmarks.conditions import read_conditions
from benchmarks.foreign import foreign_words
from benchmarks.latency import measure, measure_pair, measured_threads
from benchmarks.latency_report import LatencyReport
from benchmarks.measured import Measurement
from benchmarks.targets import find_targets
from benchmarks.wording import conditions_line, lines
from runtime import cli
from runtime.command import command_line
from runtime.errors import InputRefused
from runtime.foreign_arguments import add_foreign_arguments

NAME = cli.program("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} latency", description=VERBS["latency"].help.capitalize() + ".")
    parser.add_argument("models", type=Path, nargs="+", metavar="model", help="a bundle folder, or one .tflite or .onnx file")
    add_threads_argument(parser)
    add_model_arguments(parser)
    add_rule_arguments(parser)
    parser.add_argument("--pair", action="store_true", help="two models in turn, so that a busy moment hurts both; prints their ratio")
    parser.add_argument("--strict", action="store_true", help="exit 3 where the conditions make the figures doubtful")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every raw sample and the conditions there")
    add_overwrite_argument(parser)
    add_foreign_arguments(parser)
    options = parser.parse_args(arguments)
    check_free(options.json, overwrite=options.overwrite)
    rule = rule_of(options)
    found = find_targets(options.models, options.artifact, options.pictures, foreign_words(options))
    for refusal in found.refusals:
        cli.say(f"{NAME}: not measured: {refusal}")
    threads = measured_threads(options.threads)
    if options.pair and (len(found.targets) != 2 or len(threads) != 1):
        what = f"found {len(found.targets)} model files and {len(threads)} numbers of threads"
        raise InputRefused("--pair", f"expected two model files and one number of threads, {what}; say which with --artifact and --threads")
    before = read_conditions(options.sysfs_root)
    if options.pair:
        one, other = found.targets
        measurements: tuple[Measurement, ...]
        measurements, loads = measure_pair((one, other), threads[0], rule, options.sysfs_root)
    else:
        loads = ()
        measurements = measure(found.targets, threads, rule, options.sysfs_root)
    report = LatencyReport(
        name=", ".join(dict.fromkeys(path.absolute().name for path in options.models)),
        command=command_line("benchmarks", ["latency", *arguments], not_told=("--overwrite",)),
        rule=rule,
        before=before,
        after=read_conditions(options.sysfs_root),
        asked_threads=options.threads,
        measurements=measurements,
        pair_loads=loads,
    )
    return show(report, options.json, strict=options.strict)


def show(report: LatencyReport, path: Path | None, *, strict: bool) -> int:
    """Writes the report to `path` and prints it, each even where the other fails; returns the exit code."""
    try:
        if path:
            report.write(path)
    finally:
        for one in report.measurements:
            print("\n".join(lines(one, report.measurements)))
        if report.pair_loads:
            print(compare_pair(report))
        print(conditions_line(report), flush=True)
    for doubt in report.doubts():
        cli.say(f"{NAME}: doubt: {doubt}")
    if path:
        cli.say(f"{NAME}: every sample is in {path}; a page of it: {NAME} report {shlex.quote(str(path))}")
    return cli.CHECK_FAILED if strict and report.doubts() else cli.DONE
