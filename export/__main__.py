"""python -m export tflite | onnx RUN"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from export.formats import FORMATS
from export.gate import Limits
from export.run import ExportOptions, ExportResult, export
from runtime import cli

NAME = cli.program("export")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    given = _parser().parse_args(arguments)
    limits = Limits(given.max_drop, given.min_agreement, given.max_class_drop)
    options = ExportOptions(given.format, given.precision, given.calibration, limits, given.seed)
    bundle = given.output or given.run / "bundle"
    result = export(given.run, bundle, options, data=given.data, overwrite=given.overwrite)
    cli.show(result, as_json=given.json, text=lambda: _summary(result))
    for doubt in result.record["doubts"]:
        cli.say(f"{NAME}: {result.artifact}: {doubt}")
    cli.say(f"next: {cli.program('runtime')} verify {bundle}")
    return cli.DONE


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog=NAME, description="Convert a trained run for a device; publish it only if it is still the same classifier.")
    cli.add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="FORMAT", dest="format")
    for name, row in FORMATS.items():
        command = commands.add_parser(name, help=f"precisions: {', '.join(row.precisions)}")
        command.add_argument("run", type=Path, help="the run folder that python -m train wrote")
        command.add_argument("-o", "--output", type=Path, metavar="BUNDLE", help="bundle folder (default: RUN/bundle)")
        command.add_argument("--precision", choices=row.precisions, default=row.precisions[0], help="of weights and arithmetic")
        command.add_argument("--max-drop", type=float, default=Limits.max_drop, help="refuse if accuracy falls by more than this, 0..1")
        command.add_argument(
            "--min-agreement", type=float, default=Limits.min_agreement, help="refuse if fewer top-1 labels are the same, 0..1"
        )
        command.add_argument("--max-class-drop", type=float, default=Limits.max_class_drop, help="refuse if one class falls by more, 0..1")
        command.add_argument(
            "--calibration",
            type=int,
            default=ExportOptions.calibration,
            metavar="N",
            help="training pictures that int8 ranges are measured on",
        )
        command.add_argument("--data", type=Path, metavar="DIR", help="where the pictures of the run are now, if they moved")
        command.add_argument("--seed", type=int, default=ExportOptions.seed, help="of the choice of pictures")
        command.add_argument("--overwrite", action="store_true", help="replace an artifact or bundle that is there")
        command.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _summary(result: ExportResult) -> str:
    parity = result.record["parity"]
    outcome = {"passed": "passed the parity gate", "undecided": "UNDECIDED by the parity gate"}[result.record["outcome"]]
    passed = f"{outcome}{' before, made by this command' if result.reused else ''}"
    accuracy = f"accuracy {parity['candidate_accuracy']:.4f}, Keras {parity['reference_accuracy']:.4f}"
    interval = f"95 % interval {parity['drop_low']:+.4f} to {parity['drop_high']:+.4f}"
    calibration = f"calibration error {parity['candidate_calibration_error']:.4f}, Keras {parity['reference_calibration_error']:.4f}"
    errors = f"score error mean {parity['mean_score_error']:.4f}, worst {parity['worst_score_error']:.4f}"
    return "\n".join(
        (
            f"{result.artifact}: {passed}, {result.record['bytes'] / 1e6:.1f} MB",
            f"  {accuracy}: drop {parity['drop']:+.4f} ({interval}) on {parity['pictures']} pictures",
            f"  same top-1 {parity['agreement']:.4f}, {errors}",
            f"  worst class '{cli.printable(parity['worst_class'])}': drop {parity['worst_class_drop']:+.4f}; {calibration}",
            f"  bundle {cli.printable(result.bundle)}",
            f"  report {cli.printable(result.report)}",
        )
    )


if __name__ == "__main__":
    cli.run(NAME, main, sys.argv[1:])
