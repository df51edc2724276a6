"""Defines the options of `python -m export` that all formats share."""

import argparse
from pathlib import Path

from export.commands.artifact_arguments import chosen_epochs
from export.commands.external_model_arguments import ALL, add_external_options
from export.emulation.devices import DEVICES, choose_device
from export.formats.registry import FORMATS
from export.formats.targets.targets import DEFAULT_TARGETS, choose_targets
from export.options import ExportOptions
from export.parity.gate import ParityLimits
from runtime.cli.parser import add_earlier_name, add_json, add_output


def add_export_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the run, the bundle, and how the files are made and checked."""
    command.add_argument(
        "run",
        type=Path,
        help="the run folder that training wrote; or a .keras, .h5 or .onnx file, or a SavedModel",
    )
    add_output(command, "bundle folder (default: RUN/bundle, or bundles/NAME)")
    _add_limits(command)
    command.add_argument(
        "--calibration-images",
        type=int,
        default=ExportOptions.calibration_images,
        metavar="N",
        help="measure int8 ranges on N images",
    )
    add_earlier_name(command, "--calibration", "--calibration-images")
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
        "--seed",
        type=int,
        default=ExportOptions.seed,
        metavar="N",
        help="seed of the choice of images",
    )
    command.add_argument(
        "--overwrite",
        action="store_true",
        help="replace what another command made; what this command made is kept",
    )
    add_json(command, lines=True)
    add_external_options(command)


def export_options(arguments: argparse.Namespace) -> ExportOptions:
    """Returns the options that the command line states."""
    formats = list(FORMATS) if arguments.format == ALL else [arguments.format]
    devices = [choose_device(name) for name in arguments.device_check or ()]
    return ExportOptions(
        calibration_images=arguments.calibration_images,
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
        command=arguments.command,
        against=arguments.against,
    )


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
        help='fraction of known images that the thresholds of "unknown" and "unsure" keep, 0..1',
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
        help="use at most N test images for --device-check",
    )
