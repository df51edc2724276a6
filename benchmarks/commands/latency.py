"""Implements `python -m benchmarks latency`, which measures how long one image takes here."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands.arguments import (
    add_model_arguments,
    add_overwrite_argument,
    add_result_file,
    add_rule_arguments,
    add_threads_argument,
    require_free,
    rule_of,
)
from benchmarks.commands.table import VERBS
from benchmarks.comparison import compare_pair
from benchmarks.latency import LatencyPlan, measure_report
from benchmarks.measurement.external_model_words import external_model_words
from benchmarks.measurement.models_under_test import find_models_under_test
from benchmarks.reporting.result_file import LatencyReport
from benchmarks.reporting.terminal import conditions_line, measurement_lines
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_earlier_name
from runtime.errors import CHECK_FAILED, DONE
from runtime.shared.external_model_arguments import add_external_model_arguments
from runtime.shared.rerun_command import rerun_command
from runtime.system.terminal import say

NAME = program_name("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    require_free(options.output, overwrite=options.overwrite)
    rule = rule_of(options)
    external = external_model_words(options)
    models = find_models_under_test(options.models, options.artifact, options.images, external)
    for refusal in models.refusals:
        say(f"{NAME}: not measured: {refusal}")
    plan = LatencyPlan(
        models.runnable, options.threads, rule, options.sysfs_root, pair=options.interleave
    )
    name = ", ".join(dict.fromkeys(path.absolute().name for path in options.models))
    command = rerun_command("benchmarks", ["latency", *arguments], omitted=("--overwrite",))
    report = measure_report(plan, name, command)
    try:
        if options.output:
            report.write(options.output)
    finally:
        _show(report)
    if options.output:
        page = f"{NAME} report {shlex.quote(str(options.output))}"
        say(f"{NAME}: every sample is in {options.output}; make a page of it with: {page}")
    return CHECK_FAILED if options.strict and report.doubts() else DONE


def _parser() -> CommandParser:
    description = f"{VERBS['latency'].help.capitalize()}."
    parser = CommandParser(prog=f"{NAME} latency", description=description)
    parser.add_argument(
        "models",
        type=Path,
        nargs="+",
        metavar="model",
        help="a bundle folder, or one .tflite or .onnx file",
    )
    add_threads_argument(parser)
    add_model_arguments(parser)
    add_rule_arguments(parser)
    parser.add_argument(
        "--interleave",
        action="store_true",
        help="run two models in turn, so that a busy moment hurts both, and print their ratio",
    )
    add_earlier_name(parser, "--pair", "--interleave")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 3 if the conditions make the figures doubtful",
    )
    add_result_file(parser, "JSON file for every sample and the conditions")
    add_overwrite_argument(parser)
    add_external_model_arguments(parser)
    return parser


def _show(report: LatencyReport) -> None:
    for measurement in report.measurements:
        print("\n".join(measurement_lines(measurement, report.measurements)))
    if report.pair_loads:
        print(compare_pair(report))
    print(conditions_line(report), flush=True)
    for doubt in report.doubts():
        say(f"{NAME}: doubt: {doubt}")
