"""python -m benchmarks recommend BUNDLE: what to use on this machine; written into the bundle, the runtime takes it as its default."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.arguments import add_model_arguments, add_rule_arguments, add_threads_argument, check_free, number, rule_of
from benchmarks.commands import VERBS
from benchmarks.conditions import doubts_of, read_conditions
from benchmarks.latency import measure_in_rounds, measured_threads
from benchmarks.measured import threads_text
from benchmarks.recommendation import Limits, p90_ms, recommend
from benchmarks.targets import find_targets
from benchmarks.wording import lines
from runtime import cli
from runtime.atomic import write_file
from runtime.bundle import RECOMMENDED, Bundle
from runtime.errors import MachineError
from runtime.recommended import Recommended

NAME = cli.program("benchmarks")
DEFAULT = Limits()


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} recommend", description=VERBS["recommend"].help.capitalize() + ".")
    parser.add_argument("bundle", type=Path, help="a bundle folder")
    parser.add_argument("--max-ms", type=number, metavar="MS", help="nine of ten pictures are to take no longer")
    parser.add_argument("--max-mb", type=number, metavar="MB", help="the model file is to be no larger")
    drop = "below the best accuracy that the bundle's parity.json names"
    parser.add_argument("--max-drop", type=number, default=DEFAULT.max_drop, metavar="F", help=drop)
    add_threads_argument(parser)
    add_model_arguments(parser)
    add_rule_arguments(parser)
    parser.add_argument("--strict", action="store_true", help="exit 3, writing nothing, where the conditions are doubtful")
    options = parser.parse_args(arguments)
    rule = rule_of(options)
    Bundle.open(options.bundle)
    check_free(options.bundle / RECOMMENDED, overwrite=True)
    found = find_targets([options.bundle], options.artifact, options.pictures)
    for refusal in found.refusals:
        cli.say(f"{NAME}: not measured: {refusal}")
    before = read_conditions(options.sysfs_root)
    measurements = measure_in_rounds(found.targets, measured_threads(options.threads), rule, options.sysfs_root)
    after = read_conditions(options.sysfs_root)
    for one in measurements:
        print("\n".join(list(lines(one, measurements))[:2]))
    doubts = list(doubts_of(before, after))
    for doubt in doubts:
        cli.say(f"{NAME}: doubt: {doubt}")
    best = recommend(measurements, Limits(options.max_ms, options.max_mb, options.max_drop))
    print(cli.printable(f"recommended: {best.artifact} with {best.interpreter}, {threads_text(best.threads)}"), flush=True)
    if options.strict and doubts:
        return cli.CHECK_FAILED
    cpu_model = before.machine.cpu_model
    if cpu_model is None:
        raise MachineError(str(options.bundle), f"no {RECOMMENDED} written: this machine does not tell its processor's name")
    chosen = Recommended(best.artifact, best.sha256, best.threads, cpu_model, best.interpreter, round(p90_ms(best), 4))
    write_file(options.bundle / RECOMMENDED, json.dumps(asdict(chosen), indent=2) + "\n")
    cli.say(f"{NAME}: written to {options.bundle / RECOMMENDED}: the runtime takes it as its default on such a machine")
    return cli.DONE
