"""Implements `python -m benchmarks accuracy`, which measures how often the models are right."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy import Accuracy, AccuracyReport, measure_accuracy
from benchmarks.commands.arguments import add_overwrite_argument, add_result_file, require_free
from benchmarks.commands.table import VERBS
from benchmarks.measurement.models_under_test import find_models_under_test
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, positive_int_argument
from runtime.errors import DONE, REFUSED
from runtime.shared.external_model_arguments import (
    add_external_model_arguments,
    external_model_options,
)
from runtime.shared.rerun_command import rerun_command
from runtime.sources.paths import subfolders
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    require_free(options.output, overwrite=options.overwrite)
    models = find_models_under_test(options.models, options.artifact, ())
    for refusal in models.refusals:
        say(f"{NAME}: not measured: {refusal}")
    folders = subfolders(options.folder) if options.folder.is_dir() else []
    spec = external_model_options(options, [folder.name for folder in folders])
    results, refused = measure_accuracy(models.runnable, options.folder, options.threads, spec)
    for path, reason in refused.items():
        say(f"{NAME}: {path}: {reason}")
    command = rerun_command("benchmarks", ["accuracy", *arguments], omitted=("--overwrite",))
    report = AccuracyReport(command, len(refused), results)
    try:
        if options.output:
            report.write(options.output)
    finally:
        for result in results:
            print(_line(result), flush=True)
    if refused:
        say(f"{NAME}: refused {len(refused)} of {len(refused) + results[0].images} files")
    return REFUSED if refused else DONE


def _parser() -> CommandParser:
    description = f"{VERBS['accuracy'].help.capitalize()}."
    parser = CommandParser(prog=f"{NAME} accuracy", description=description)
    parser.add_argument(
        "models",
        type=Path,
        nargs="+",
        metavar="model",
        help="a bundle folder, or one .tflite or .onnx file",
    )
    parser.add_argument("folder", type=Path, help="a folder with a folder of images for each label")
    parser.add_argument(
        "--artifact",
        metavar="FILE",
        help="measure only this model file of a bundle (default: all that run here)",
    )
    parser.add_argument(
        "--threads",
        type=positive_int_argument,
        metavar="N",
        help="interpreter threads (default: the cores allowed)",
    )
    add_result_file(parser, "JSON file for the figures, which report --accuracy reads")
    add_overwrite_argument(parser)
    add_external_model_arguments(parser)
    return parser


def _line(result: Accuracy) -> str:
    figures = f"accuracy {result.accuracy:.4f} on {result.images} images"
    if result.artifact != result.reference:
        interval = f"(95 % interval {result.drop_low:+.4f} to {result.drop_high:+.4f})"
        same = f"same label as {result.reference} {result.agreement:.4f}"
        figures += f"; {same}, drop {result.drop:+.4f} {interval}"
    return escape_control_chars(f"{result.artifact}: {figures}")
