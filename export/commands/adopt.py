"""Runs `export adopt FILE`: judges a finished model file as it is, and makes a bundle of it."""

import argparse
from functools import partial
from pathlib import Path
from shlex import quote

from export.adoption import Adoption, adopt
from export.report.wording import milliseconds
from runtime.bundles.bundle import REPORT
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import add_earlier_name, add_json, add_output
from runtime.errors import DONE
from runtime.shared.external_model_arguments import (
    add_external_model_arguments,
    external_model_options,
)
from runtime.shared.statistics import counted_images
from runtime.shared.wording import counted
from runtime.sources.paths import subfolders
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("export")


def add_adopt_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the file, --test-data, --output and the options of external models."""
    command.add_argument("file", type=Path, help="a .tflite or .onnx classifier of any maker")
    command.add_argument(
        "--test-data",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder per class of images that it was not trained with",
    )
    add_earlier_name(command, "--verify", "--test-data")
    add_output(command, "bundle folder (default: bundles/NAME)")
    add_earlier_name(command, "--bundle", "--output")
    command.add_argument(
        "--allow-poor-model",
        action="store_true",
        help="adopt a model that is no better than answers that ignore the image",
    )
    command.add_argument("--overwrite", action="store_true", help="replace a bundle that is there")
    add_json(command)
    add_external_model_arguments(command)


def run_adopt(arguments: argparse.Namespace) -> int:
    """Adopts the file, prints what was measured, and returns the exit code."""
    bundle = arguments.output or Path("bundles") / arguments.file.resolve().stem
    folders = subfolders(arguments.test_data) if arguments.test_data.is_dir() else []
    result = adopt(
        arguments.file,
        external_model_options(arguments, [folder.name for folder in folders]),
        arguments.test_data,
        bundle,
        overwrite=arguments.overwrite,
        allow_poor_model=arguments.allow_poor_model,
        command=arguments.command,
    )
    for note in result.notes:
        say(note)
    print_result(result, as_json=arguments.json, text=partial(_text, result))
    if result.poor_model:
        say(f"{NAME}: {result.poor_model}; adopted all the same (--allow-poor-model)")
    say(f"next: {program_name('runtime')} verify {quote(str(bundle))}")
    return DONE


def _text(result: Adoption) -> str:
    label, recall = next(iter(result.recalls.items()))
    size, time = f"{result.size_bytes / 1e6:.2f} MB", milliseconds(result.latency.p50_ms)
    threads = counted(result.latency.threads, "thread")
    interval = f"95 % interval {result.accuracy_low:.4f} to {result.accuracy_high:.4f}"
    lines = (
        f"{result.artifact}: adopted ({result.precision}), {size}, {time} an image here"
        f" ({threads})",
        f"  accuracy {result.accuracy:.4f} ({interval}) on"
        f" {counted_images(result.images, result.objects)}",
        f"  worst class '{label}': {recall:.4f} right; calibration error"
        f" {result.calibration_error:.4f}",
        f"  bundle {result.bundle}, report {Path(result.bundle) / REPORT}",
    )
    return "\n".join(map(escape_control_chars, lines))
