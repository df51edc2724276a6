"""The command line of `python -m export`."""

import argparse
import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from export.emulated.devices import DEVICES, choose_device
from export.foreign_arguments import add_foreign_options, foreign_options
from export.formats import FORMATS
from export.gate import Limits
from export.kind_options import AUTO, add_kind_options, chosen_epochs, chosen_kind
from export.ladder import climb
from export.printed import HEADINGS, complaints, line, summary
from export.run import EVERY_KIND, ExportOptions, export
from export.rung import Rung, refused_elsewhere, table
from export.targets import DEFAULTS, choose_targets
from runtime import cli
from runtime.command import command_line

NAME = cli.program("export")


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    words = list(arguments)
    given = _parser().parse_args(words)
    limits = Limits(given.max_drop, given.min_agreement, given.max_class_drop, given.strict)
    formats = list(FORMATS) if given.format == "all" else [given.format]
    targets = choose_targets(given.target or (), formats)
    foreign = foreign_options(given)
    options = ExportOptions(
        calibration=given.calibration,
        limits=limits,
        seed=given.seed,
        qat_epochs=chosen_epochs(given),
        targets=targets,
        foreign=foreign,
        devices=tuple(dict.fromkeys(choose_device(name) for name in given.device_check or ())),
        device_pictures=given.device_pictures,
        command=command_line("export", words),
    )
    bundle = given.output or (Path("bundles") / Path(os.path.realpath(given.run)).stem if foreign else given.run / "bundle")
    rungs: tuple[Rung, ...] = ()
    if given.format == "all":
        results = export(given.run, bundle, EVERY_KIND, options, data=given.data, overwrite=given.overwrite)
    elif given.precision == AUTO:
        climbed = climb(given.run, bundle, options, data=given.data, overwrite=given.overwrite)
        results, rungs = [climbed.result], climbed.rungs
    else:
        results = export(given.run, bundle, [chosen_kind(given)], options, data=given.data, overwrite=given.overwrite)
    published = [result for result in results if not result.refused]
    if given.format == "all" and published and not given.json:
        print(HEADINGS)
    for result in published:
        cli.show(result, as_json=given.json, text=partial(line if given.format == "all" else summary, result))
    if rungs and not given.json:
        print("\n".join(map(cli.printable, table(rungs))))
    for complaint in complaints(results):
        cli.say(f"{NAME}: {complaint}")
    if published:
        if given.format == "all":
            cli.say(f"bundle {bundle}, report {published[0].report}")
        cli.say(f"next: {cli.program('runtime')} verify {shlex.quote(str(bundle))}")
    elif given.format == "tflite" and given.precision != AUTO and not any(refused_elsewhere(result.record) for result in results):
        cli.say(f"next: the same command with --precision {AUTO}, which tries what else there is")
    every = len(results) if given.format == "all" else 1
    return cli.CHECK_FAILED if len(published) < every else cli.DONE


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog=NAME, description="Convert a trained model for a device; publish it only if it is still the same classifier.")
    cli.add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="FORMAT", dest="format")
    for name, row in FORMATS.items():
        command = commands.add_parser(name, help=f"precisions: {', '.join(row.precisions)}")
        add_kind_options(command, name)
        _add_options(command)
    _add_options(commands.add_parser("all", help="every format in every precision"))
    return parser


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", type=Path, help="the run folder that python -m train wrote; or a .keras file or SavedModel folder")
    command.add_argument("-o", "--output", type=Path, metavar="BUNDLE", help="bundle folder (default: RUN/bundle, or bundles/NAME)")
    for flag, default, help_text in (
        ("--max-drop", Limits.max_drop, "refuse if accuracy falls by more than this, 0..1"),
        ("--min-agreement", Limits.min_agreement, "refuse if fewer top-1 labels are the same, 0..1"),
        ("--max-class-drop", Limits.max_class_drop, "refuse if the accuracy of one class falls by more than this, 0..1"),
    ):
        command.add_argument(flag, type=float, default=default, metavar="FRACTION", help=help_text)
    calibration = ExportOptions.calibration
    command.add_argument("--calibration", type=int, default=calibration, metavar="N", help="training pictures to measure int8 ranges on")
    command.add_argument("--data", type=Path, metavar="DIR", help="where the pictures of the run are now, if they moved")
    command.add_argument("--target", action="append", metavar="RUNTIME", help=f"where it must run (default: {', '.join(DEFAULTS)})")
    devices = ", ".join(f"{device.name} ({device.processor.board})" for device in DEVICES.values())
    command.add_argument("--device-check", action="append", metavar="DEVICE", help=f"check there too, by emulation: {devices}")
    pictures = ExportOptions.device_pictures
    command.add_argument("--device-pictures", type=int, default=pictures, metavar="N", help="test pictures at most for that")
    command.add_argument("--seed", type=int, default=ExportOptions.seed, help="of the choice of pictures")
    command.add_argument("--strict", action="store_true", help="refuse also what too few test pictures leave undecided")
    command.add_argument("--overwrite", action="store_true", help="replace what another command made; what this command made is kept")
    command.add_argument("--json", action="store_true", help="print each result as JSON")
    add_foreign_options(command)
