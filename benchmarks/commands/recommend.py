"""Implements `python -m benchmarks recommend BUNDLE`, which names what to use on this machine.

The choice is written into the bundle, and the runtime takes it as its default.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from benchmarks.commands.arguments import (
    add_model_arguments,
    add_rule_arguments,
    add_threads_argument,
    number_argument,
    require_free,
    rule_of,
)
from benchmarks.commands.table import VERBS
from benchmarks.latency import limit_threads, measure_in_rounds
from benchmarks.measurement.conditions import doubts_of, read_conditions
from benchmarks.measurement.models_under_test import find_models_under_test
from benchmarks.measurement.records import Measurement, threads_text
from benchmarks.recommendation import RecommendationLimits, p90_ms, recommend
from benchmarks.reporting.terminal import measurement_lines
from runtime.bundles.bundle import RECOMMENDED, Bundle
from runtime.bundles.recommendation import Recommendation
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser
from runtime.errors import CHECK_FAILED, DONE, MachineError
from runtime.system.atomic_files import write_file
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("benchmarks")
DEFAULT_LIMITS = RecommendationLimits()
SHOWN_LINES = 2
"""Of each measurement: the model file and its samples."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    rule = rule_of(options)
    Bundle.open(options.bundle)
    require_free(options.bundle / RECOMMENDED, overwrite=True)
    models = find_models_under_test([options.bundle], options.artifact, options.images)
    for refusal in models.refusals:
        say(f"{NAME}: not measured: {refusal}")
    before = read_conditions(options.sysfs_root)
    threads = limit_threads(options.threads)
    measurements = measure_in_rounds(models.runnable, threads, rule, options.sysfs_root)
    doubts = list(doubts_of(before, read_conditions(options.sysfs_root)))
    for measurement in measurements:
        print("\n".join(islice(measurement_lines(measurement, measurements), SHOWN_LINES)))
    for doubt in doubts:
        say(f"{NAME}: doubt: {doubt}")
    limits = RecommendationLimits(options.max_ms, options.max_mb, options.max_drop)
    best = recommend(measurements, limits)
    choice = f"{best.artifact} with {best.interpreter}, {threads_text(best.threads)}"
    print(escape_control_chars(f"recommended: {choice}"), flush=True)
    if options.strict and doubts:
        return CHECK_FAILED
    _write(options.bundle, best, before.machine.cpu_model)
    return DONE


def _parser() -> CommandParser:
    description = f"{VERBS['recommend'].help.capitalize()}."
    parser = CommandParser(prog=f"{NAME} recommend", description=description)
    parser.add_argument("bundle", type=Path, help="a bundle folder")
    parser.add_argument(
        "--max-ms",
        type=number_argument,
        metavar="MS",
        help="nine of ten images must take no longer",
    )
    parser.add_argument(
        "--max-mb",
        type=number_argument,
        metavar="MB",
        help="the model file must not be larger",
    )
    parser.add_argument(
        "--max-drop",
        type=number_argument,
        default=DEFAULT_LIMITS.max_drop,
        metavar="FRACTION",
        help="how far accuracy may be below the best one in the bundle's parity.json",
    )
    add_threads_argument(parser)
    add_model_arguments(parser)
    add_rule_arguments(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 3 and write nothing if the conditions are doubtful",
    )
    return parser


def _write(bundle: Path, best: Measurement, cpu_model: str | None) -> None:
    """Writes the choice into the bundle, for machines with this processor."""
    if cpu_model is None:
        reason = f"no {RECOMMENDED} written: this machine does not report its processor's name"
        raise MachineError(str(bundle), reason)
    recommendation = Recommendation(
        best.artifact,
        best.sha256,
        best.threads,
        cpu_model,
        best.interpreter,
        round(p90_ms(best), 4),
    )
    path = bundle / RECOMMENDED
    write_file(path, json.dumps(asdict(recommendation), indent=2) + "\n")
    say(f"{NAME}: written to {path}: the runtime takes it as its default on such a machine")
