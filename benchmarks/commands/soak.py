"""Implements `python -m benchmarks soak`, which checks that a model stays as it is for long."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands.arguments import (
    add_model_arguments,
    add_overwrite_argument,
    add_result_file,
    number_argument,
    require_free,
)
from benchmarks.commands.table import VERBS
from benchmarks.measurement.conditions import doubts_of, read_conditions
from benchmarks.measurement.models_under_test import find_models_under_test, spread
from benchmarks.soak import MIB, SoakReport, Window, count_windows, soak
from runtime.classifier import Classifier
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, positive_int_argument
from runtime.errors import CHECK_FAILED, DONE, InputRefused
from runtime.images.decoding import read_image
from runtime.shared.external_model_arguments import (
    add_external_model_arguments,
    external_model_options,
)
from runtime.shared.progress import Progress
from runtime.shared.rerun_command import rerun_command
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    require_free(options.output, overwrite=options.overwrite)
    if options.minutes <= 0:
        raise InputRefused("--minutes", "expected more than 0")
    models = find_models_under_test([options.model], options.artifact, options.images)
    for refusal in models.refusals:
        say(f"{NAME}: not used: {refusal}")
    images = spread(models.runnable[0].images)
    if not images:
        reason = "has no golden images beside it; choose some with --images"
        raise InputRefused(str(options.model), reason)
    before = read_conditions(options.sysfs_root)
    classifier = Classifier(
        options.model,
        artifact=options.artifact,
        threads=options.threads,
        spec=external_model_options(options),
    )
    for path in images:
        classifier.classify(path)  # an error names a broken file; below there are only contents
    windows = _run(classifier, images, 60 * options.minutes, options.sysfs_root)
    report = SoakReport(
        options.model.absolute().name,
        rerun_command("benchmarks", ["soak", *arguments], omitted=("--overwrite",)),
        classifier.file.name,
        classifier.threads,
        before,
        read_conditions(options.sysfs_root),
        windows,
    )
    if options.output:
        report.write(options.output)
    return _show(report)


def _parser() -> CommandParser:
    description = f"{VERBS['soak'].help.capitalize()}. Exits with 3 if they do not."
    parser = CommandParser(prog=f"{NAME} soak", description=description)
    parser.add_argument("model", type=Path, help="a bundle folder, or one .tflite or .onnx file")
    parser.add_argument(
        "--minutes", type=number_argument, default=60.0, metavar="M", help="how long to run"
    )
    parser.add_argument(
        "--threads",
        type=positive_int_argument,
        metavar="N",
        help="interpreter threads (default: as the runtime takes them)",
    )
    add_model_arguments(parser)
    add_result_file(parser, "JSON file for every window")
    add_overwrite_argument(parser)
    add_external_model_arguments(parser)
    return parser


def _run(
    classifier: Classifier, images: Sequence[Path], seconds: float, root: Path
) -> tuple[Window, ...]:
    contents = [read_image(path) for path in images]
    with Progress("soak", count_windows(seconds)) as bar:

        def show_window(window: Window) -> None:
            bar.advance(note=f"{window.p50_ms:.3g} ms, {window.resident_bytes / MIB:.0f} MiB")

        return soak(classifier, contents, seconds, root, show_window)


def _show(report: SoakReport) -> int:
    """Prints the result; returns the exit code."""
    print(escape_control_chars(str(report)))
    for doubt in doubts_of(report.before, report.after):
        say(f"{NAME}: doubt: {doubt}")
    faults = list(report.faults())
    for fault in faults:
        print(f"does not stay: {fault}")
    if not faults:
        print(f"too short to decide: {report.too_short}" if report.too_short else "stays as it is")
    return CHECK_FAILED if faults else DONE
