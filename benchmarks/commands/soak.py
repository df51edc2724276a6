"""python -m benchmarks soak BUNDLE|MODEL --minutes 60: does it stay as it is when it runs for long?"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.arguments import add_model_arguments, add_overwrite_argument, check_free, number
from benchmarks.commands import VERBS
from benchmarks.conditions import doubts_of, read_conditions
from benchmarks.soak import LONGEST_S, WINDOWS, SoakReport, Window, soak
from benchmarks.targets import find_targets, spread
from runtime import cli
from runtime.atomic import write_file
from runtime.classifier import Classifier
from runtime.command import command_line
from runtime.errors import InputRefused
from runtime.foreign_arguments import add_foreign_arguments, foreign_options
from runtime.opening import read_picture
from runtime.progress import Progress

NAME = cli.program("benchmarks")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} soak", description=VERBS["soak"].help.capitalize() + " Exits 3 if they do not.")
    parser.add_argument("model", type=Path, help="a bundle folder, or one .tflite or .onnx file")
    parser.add_argument("--minutes", type=number, default=60.0, metavar="M", help="how long")
    parser.add_argument("--threads", type=cli.positive, metavar="N", help="interpreter threads (default: as the runtime takes them)")
    add_model_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every window there")
    add_overwrite_argument(parser)
    add_foreign_arguments(parser)
    options = parser.parse_args(arguments)
    check_free(options.json, overwrite=options.overwrite)
    if options.minutes <= 0:
        raise InputRefused("--minutes", "expected more than 0")
    found = find_targets([options.model], options.artifact, options.pictures)
    for refusal in found.refusals:
        cli.say(f"{NAME}: not used: {refusal}")
    pictures = spread(found.targets[0].pictures)
    if not pictures:
        raise InputRefused(str(options.model), "has no golden pictures beside it; give some with --pictures")
    before = read_conditions(options.sysfs_root)
    classifier = Classifier(options.model, artifact=options.artifact, threads=options.threads, foreign=foreign_options(options))
    for path in pictures:
        classifier.classify(path)  # so that a broken one is refused by its name
    seconds = 60 * options.minutes
    with Progress("soak", max(WINDOWS, round(seconds / LONGEST_S))) as bar:

        def tell(one: Window) -> None:
            bar.advance(note=f"{one.p50_ms:.3g} ms, {one.resident_bytes / 2**20:.0f} MiB")

        windows = soak(classifier, [read_picture(path) for path in pictures], seconds, options.sysfs_root, tell)
    report = SoakReport(
        options.model.absolute().name,
        command_line("benchmarks", ["soak", *arguments], not_told=("--overwrite",)),
        classifier.file.name,
        classifier.threads,
        before,
        read_conditions(options.sysfs_root),
        windows,
    )
    if options.json:
        write_file(options.json, json.dumps(asdict(report)) + "\n")
    print(cli.printable(str(report)))
    for doubt in doubts_of(report.before, report.after):
        cli.say(f"{NAME}: doubt: {doubt}")
    faults = list(report.faults())
    for fault in faults:
        print(f"does not stay: {fault}")
    if not faults:
        print(f"too short to judge: {report.too_short}" if report.too_short else "stays as it is")
    return cli.CHECK_FAILED if faults else cli.DONE
