"""Runs `python -m export`: reads its command line, exports, and prints the results."""

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from export.auto_precision import search_precision
from export.commands.adopt import add_adopt_arguments, run_adopt
from export.commands.artifact_arguments import (
    AUTO,
    add_artifact_arguments,
    chosen_artifact_spec,
    precisions,
    require_plain_auto,
)
from export.commands.export_arguments import add_export_arguments, export_options
from export.commands.external_model_arguments import ALL, external_options
from export.commands.hub import add_pull_arguments, add_push_arguments, run_pull, run_push
from export.commands.judge import add_judge_arguments, run_judge
from export.commands.output import print_attempt, print_next_step, print_results
from export.commands.sign import add_sign_arguments, run_sign
from export.exporter import EVERY_PRECISION, export
from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from export.inputs.external_model import ExternalModelOptions, open_external_model
from export.inputs.model_file.onnx_classifier import (
    OnnxClassifierOptions,
    open_onnx_classifier,
)
from export.inputs.trained_run import TrainedRun, open_run
from export.parity.artifact_record import Attempt
from export.publish import require_writable_target
from runtime.cli.identity import program_name
from runtime.cli.parser import CommandParser, add_version
from runtime.errors import CHECK_FAILED, DONE
from runtime.shared.rerun_command import rerun_command
from runtime.system.terminal import say

DESCRIPTION = (
    "Convert a trained model for a device; publish it only if it still is the same classifier."
)


class Command(NamedTuple):
    """Holds a command that exports no run: its arguments, what runs it, and its help text."""

    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    help: str


COMMANDS = {
    "judge": Command(
        add_judge_arguments,
        run_judge,
        "measure the answers of a bundle to strangers, images of no class",
    ),
    "adopt": Command(
        add_adopt_arguments, run_adopt, "judge a finished .tflite or .onnx, and bundle it as it is"
    ),
    "push": Command(add_push_arguments, run_push, "publish a bundle on the Hugging Face Hub"),
    "pull": Command(
        add_pull_arguments, run_pull, "fetch a bundle from the Hugging Face Hub, and verify it"
    ),
    "sign": Command(add_sign_arguments, run_sign, "sign a bundle with an SSH key"),
}


def main(words: Sequence[str]) -> int:
    """Runs the command line and returns the exit code."""
    arguments = _parser().parse_args(list(words))
    arguments.command = rerun_command("export", list(words))
    if arguments.format in COMMANDS:
        return COMMANDS[arguments.format].run(arguments)
    external, specs = external_options(arguments), _specs(arguments)
    options = export_options(arguments)
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
            on_attempt=partial(print_attempt, arguments),
        )
        results, attempts = [search.result], search.attempts
    print_results(arguments, results, attempts)
    print_next_step(arguments, bundle, results)
    return CHECK_FAILED if any(result.refused for result in results) else DONE


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


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program_name("export"), description=DESCRIPTION)
    add_version(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="format")
    for name in FORMATS:
        help_text = f"make a .{name} file: {', '.join(precisions(name))}"
        parser_of_format = commands.add_parser(name, help=help_text, description=DESCRIPTION)
        add_artifact_arguments(parser_of_format, name)
        add_export_arguments(parser_of_format)
    all_help = "make every format in every precision"
    add_export_arguments(commands.add_parser(ALL, help=all_help, description=DESCRIPTION))
    for name, command in COMMANDS.items():
        description = f"{command.help[0].upper()}{command.help[1:]}."
        command.add_arguments(commands.add_parser(name, help=command.help, description=description))
    return parser
