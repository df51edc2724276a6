"""python -m benchmarks accuracy BUNDLE|MODEL... FOLDER: how often the models are right, with this machine's interpreters."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.accuracy import Accuracy, AccuracyReport, measure_accuracy
from benchmarks.arguments import add_overwrite_argument, check_free
from benchmarks.commands import VERBS
from benchmarks.targets import find_targets
from runtime import cli
from runtime.atomic import write_file
from runtime.command import command_line
from runtime.foreign_arguments import add_foreign_arguments, foreign_options

NAME = cli.program("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} accuracy", description=VERBS["accuracy"].help.capitalize() + ".")
    parser.add_argument("models", type=Path, nargs="+", metavar="model", help="a bundle folder, or one .tflite or .onnx file")
    parser.add_argument("folder", type=Path, help="a folder of pictures per class, named as the labels")
    parser.add_argument("--artifact", metavar="FILE", help="only this model file of a bundle (default: all that run here)")
    parser.add_argument("--threads", type=cli.positive, metavar="N", help="interpreter threads (default: the cores allowed)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, for report --accuracy")
    add_overwrite_argument(parser)
    add_foreign_arguments(parser)
    options = parser.parse_args(arguments)
    check_free(options.json, overwrite=options.overwrite)
    found = find_targets(options.models, options.artifact, ())
    for refusal in found.refusals:
        cli.say(f"{NAME}: not measured: {refusal}")
    results, refused = measure_accuracy(found.targets, options.folder, options.threads, foreign_options(options))
    for path, reason in refused.items():
        cli.say(f"{NAME}: {path}: {reason}")
    report = AccuracyReport(command_line("benchmarks", ["accuracy", *arguments], not_told=("--overwrite",)), len(refused), results)
    try:
        if options.json:
            write_file(options.json, json.dumps(asdict(report)) + "\n")
    finally:
        for one in results:
            print(_line(one), flush=True)
    if refused:
        cli.say(f"{NAME}: refused {len(refused)} of {len(refused) + results[0].pictures} files")
    return cli.REFUSED if refused else cli.DONE


def _line(one: Accuracy) -> str:
    figures = f"accuracy {one.accuracy:.4f} on {one.pictures} pictures"
    if one.artifact != one.reference:
        interval = f"(95 % interval {one.drop_low:+.4f} to {one.drop_high:+.4f})"
        figures += f"; same label as {one.reference} {one.agreement:.4f}, drop {one.drop:+.4f} {interval}"
    return cli.printable(f"{one.artifact}: {figures}")
