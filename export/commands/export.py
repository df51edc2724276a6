"""Runs `python -m export`: reads its command line, exports, and prints the results."""

import argparse
import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from export.auto_precision import search_precision
from export.commands.adopt import add_adopt_arguments, run_adopt
from export.commands.artifact_arguments import (
    AUTO,
    add_artifact_arguments,
    chosen_artifact_spec,
    chosen_epochs,
    require_plain_auto,
)
from export.commands.external_model_arguments import ALL, add_external_options, external_options
from export.commands.hub import add_pull_arguments, add_push_arguments, run_pull, run_push
from export.commands.judge import add_judge_arguments, run_judge
from export.commands.output import HEADINGS, attempt_line, output_warnings, summary, table_row
from export.commands.sign import add_sign_arguments, run_sign
from export.emulation.devices import DEVICES, choose_device
from export.exporter import EVERY_PRECISION, ExportResult, export
from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from export.formats.targets.targets import DEFAULT_TARGETS, choose_targets
from export.inputs.external_model import ExternalModelOptions, open_external_model
from export.inputs.model_file.onnx_classifier import (
    OnnxClassifierOptions,
    open_onnx_classifier,
)
from export.inputs.trained_run import TrainedRun, open_run
from export.options import ExportOptions
from export.parity.artifact_record import Attempt
from export.parity.gate import ParityLimits
from export.publish import require_writable_target
from export.report.attempts import attempts_table
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_version
from runtime.errors import CHECK_FAILED, DONE
from runtime.shared.rerun_command import rerun_command
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("export")
JUDGE, ADOPT, PUSH, PULL, SIGN = "judge", "adopt", "push", "pull", "sign"


def main(words: Sequence[str]) -> int:
    """Runs the command line and returns the exit code."""
    arguments = _parser().parse_args(list(words))
    if arguments.format == JUDGE:
        return run_judge(arguments)
    if arguments.format == ADOPT:
        return run_adopt(arguments, words)
    if arguments.format in (PUSH, PULL):
        return run_push(arguments) if arguments.format == PUSH else run_pull(arguments)
    if arguments.format == SIGN:
        return run_sign(arguments)
    external, specs = external_options(arguments), _specs(arguments)
    options = _options(arguments, rerun_command("export", list(words)))
    bundle = arguments.output or _default_bundle(arguments.run, external)
    require_writable_target(bundle, arguments.run)  # a model is tried for seconds, so before it
    run = _open(arguments, external)
    attempts: tuple[Attempt, ...] = ()
    if specs:
        results = export(run, bundle, specs, options, overwrite=arguments.overwrite)
    else:
        search = search_precision(
            run,
            bundle,
            options,
            overwrite=arguments.overwrite,
            format_name=arguments.format,
            int8_only=arguments.precision != AUTO,
            on_attempt=partial(_print_attempt, arguments.precision),
        )
        results, attempts = [search.result], search.attempts
    _print_results(arguments, results, attempts)
    _print_next_step(arguments, bundle, results)
    refused = [result for result in results if result.refused]
    return CHECK_FAILED if refused else DONE


def _options(arguments: argparse.Namespace, command: str) -> ExportOptions:
    formats = list(FORMATS) if arguments.format == ALL else [arguments.format]
    devices = [choose_device(name) for name in arguments.device_check or ()]
    return ExportOptions(
        calibration=arguments.calibration,
        limits=ParityLimits(
            arguments.max_drop,
            arguments.min_agreement,
            arguments.max_class_drop,
            arguments.max_auroc_drop,
            arguments.strict,
            arguments.allow_poor_model,
        ),
        seed=arguments.seed,
        qat_epochs=chosen_epochs(arguments),
        targets=choose_targets(arguments.target or (), formats),
        devices=tuple(dict.fromkeys(devices)),
        device_images=arguments.device_images,
        keep=arguments.keep,
        examples=not arguments.no_examples,
        prefer=getattr(arguments, "prefer", ExportOptions.prefer),
        command=command,
        against=arguments.against,
    )


def _specs(arguments: argparse.Namespace) -> Sequence[ArtifactSpec]:
    """Returns what to export; empty: make int8 until it passes, or search for the precision."""
    if arguments.format == ALL:
        return [spec for spec in EVERY_PRECISION if _can_be_made(spec, arguments.run)]
    if arguments.precision == AUTO:
        require_plain_auto(arguments)
        return []
    spec = chosen_artifact_spec(arguments)
    plain = spec == ArtifactSpec(arguments.format, "int8") and not arguments.ranges
    return [] if plain and FORMATS[arguments.format].layer_errors else [spec]


def _can_be_made(spec: ArtifactSpec, model: Path) -> bool:
    """Whether a model of this kind can become such a file."""
    return model.suffix != ".onnx" or FORMATS[spec.format].convert_onnx is not None


def _default_bundle(run: Path, external: object | None) -> Path:
    if external:
        return Path("bundles") / Path(os.path.realpath(run)).stem
    return run / "bundle"


def _open(
    arguments: argparse.Namespace, external: ExternalModelOptions | OnnxClassifierOptions | None
) -> TrainedRun:
    if not external:
        return open_run(arguments.run, arguments.data)
    if isinstance(external, OnnxClassifierOptions):
        run = open_onnx_classifier(arguments.run, external)
    else:
        run = open_external_model(arguments.run, external)
    for note in run.notes:
        say(note)
    return run


def _print_attempt(precision: str, number: int, attempt: Attempt) -> None:
    """Prints an attempt; the only one of an int8 export that passes says all that itself."""
    if precision == AUTO or number > 1 or attempt.outcome == "failed":
        say(attempt_line(number, attempt))


def _print_results(
    arguments: argparse.Namespace, results: Sequence[ExportResult], attempts: Sequence[Attempt]
) -> None:
    published = [result for result in results if not result.refused]
    text = summary
    if arguments.format == ALL:
        text = table_row
        if published and not arguments.json:
            print(HEADINGS)
    for result in published:
        print_result(result, as_json=arguments.json, text=partial(text, result))
    if attempts and not arguments.json:
        print("\n".join(map(escape_control_chars, attempts_table(attempts))))
    for warning in output_warnings(results):
        say(f"{NAME}: {warning}")


def _print_next_step(
    arguments: argparse.Namespace, bundle: Path, results: Sequence[ExportResult]
) -> None:
    published = [result for result in results if not result.refused]
    if published:
        if arguments.format == ALL:
            say(f"bundle {bundle}, report {published[0].report}")
        say(f"next: {program_name('runtime')} verify {shlex.quote(str(bundle))}")
        return
    row = FORMATS.get(arguments.format)
    auto_may_help = row and row.layer_errors and arguments.precision != AUTO
    if auto_may_help and not any(result.record.refused_on_device for result in results):
        say(f"next: the same command with --precision {AUTO}, which tries the other precisions")


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=NAME,
        description="Convert a trained model for a device; publish it only if it still is the same"
        " classifier.",
    )
    add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="FORMAT", dest="format")
    for name, row in FORMATS.items():
        command = commands.add_parser(name, help=f"precisions: {', '.join(row.precisions)}")
        add_artifact_arguments(command, name)
        _add_arguments(command)
    _add_arguments(commands.add_parser(ALL, help="every format in every precision"))
    add_judge_arguments(
        commands.add_parser(JUDGE, help="measure what a bundle says to images of no class")
    )
    add_adopt_arguments(
        commands.add_parser(ADOPT, help="judge a finished .tflite or .onnx, and bundle it as it is")
    )
    for name, add_arguments, text in (
        (PUSH, add_push_arguments, "publish a bundle on the Hugging Face Hub"),
        (PULL, add_pull_arguments, "fetch a bundle from the Hugging Face Hub, and verify it"),
        (SIGN, add_sign_arguments, "sign a bundle with an SSH key"),
    ):
        description = f"{text[0].upper()}{text[1:]}."
        add_arguments(commands.add_parser(name, help=text, description=description))
    return parser


def _add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run",
        type=Path,
        help="the run folder that training wrote; or a .keras, .h5 or .onnx file, or a SavedModel",
    )
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="BUNDLE",
        help="bundle folder (default: RUN/bundle, or bundles/NAME)",
    )
    _add_limits(command)
    command.add_argument(
        "--calibration",
        type=int,
        default=ExportOptions.calibration,
        metavar="N",
        help="training images to measure int8 ranges on",
    )
    command.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where the images of the run are now, if they moved",
    )
    command.add_argument(
        "--target",
        action="append",
        metavar="RUNTIME",
        help=f"runtime that must read the files (default: {', '.join(DEFAULT_TARGETS)})",
    )
    _add_device_check(command)
    command.add_argument(
        "--seed", type=int, default=ExportOptions.seed, help="of the choice of images"
    )
    command.add_argument(
        "--overwrite",
        action="store_true",
        help="replace what another command made; what this command made is kept",
    )
    command.add_argument("--json", action="store_true", help="print each result as JSON")
    add_external_options(command)


def _add_limits(command: argparse.ArgumentParser) -> None:
    for flag, default, reason in (
        ("--max-drop", ParityLimits.max_drop, "accuracy falls by more than this"),
        ("--min-agreement", ParityLimits.min_agreement, "fewer top-1 labels are the same"),
        (
            "--max-class-drop",
            ParityLimits.max_class_drop,
            "the accuracy of one class falls by more than this",
        ),
        (
            "--max-auroc-drop",
            ParityLimits.max_auroc_drop,
            "the AUROC of the similarities falls by more than this",
        ),
    ):
        command.add_argument(
            flag,
            type=float,
            default=default,
            metavar="FRACTION",
            help=f"refuse if {reason}, 0..1",
        )
    command.add_argument(
        "--against",
        type=Path,
        metavar="BUNDLE",
        help="compare the files with this bundle in use too; refuse if accuracy falls by more than"
        " --max-drop",
    )
    command.add_argument(
        "--keep",
        type=float,
        default=ExportOptions.keep,
        metavar="FRACTION",
        help='known images that the thresholds of "unknown" and "unsure" keep, 0..1',
    )
    command.add_argument(
        "--no-examples",
        action="store_true",
        help="leave out the thumbnails of training images that predict --explain shows",
    )
    command.add_argument(
        "--strict", action="store_true", help="refuse also what too few test images leave undecided"
    )
    command.add_argument(
        "--allow-poor-model",
        action="store_true",
        help="publish files of a model that is no better than answers that ignore the image",
    )


def _add_device_check(command: argparse.ArgumentParser) -> None:
    devices = ", ".join(f"{device.name} ({device.processor.board})" for device in DEVICES.values())
    command.add_argument(
        "--device-check",
        action="append",
        metavar="DEVICE",
        help=f"compare the files on this emulated device too: {devices}",
    )
    command.add_argument(
        "--device-images",
        type=int,
        default=ExportOptions.device_images,
        metavar="N",
        help="test images at most for --device-check",
    )
