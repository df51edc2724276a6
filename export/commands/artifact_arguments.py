"""Defines the options of `python -m export` that choose the kind of model file."""

import argparse
from typing import get_args

from export.formats.artifact_spec import ArtifactSpec, Ranges
from export.formats.registry import FORMATS
from export.options import ExportOptions, Prefer
from runtime.errors import InputRefused

AUTO, MIXED = "auto", "mixed"
INTEGER = ("int8", MIXED)
IO_HELP = {
    "int8": "int8: an int8 file takes and returns int8",
    "float": "float: planes of 0..1, as PyTorch's programs use them",
}
DEFAULT_EPOCHS, MAX_EPOCHS = 5, 10_000
INT8_ATTEMPTS = (
    "int8, int8 with percentile ranges, int8 equalized, int8 with the worst layers in float"
)
"""What auto tries before the fallbacks of a format."""
INT8_AGAIN = "if the gate refuses int8, percentile, then equalized"
"""What an int8 export tries without these options; auto goes on from there."""


def precisions(format_name: str) -> tuple[str, ...]:
    """Returns the choices of `--precision` for a format."""
    row = FORMATS[format_name]
    return (*row.precisions, MIXED, AUTO) if row.layer_errors else row.precisions


def add_artifact_arguments(command: argparse.ArgumentParser, format_name: str) -> None:
    """Adds the options of a format."""
    row = FORMATS[format_name]
    by_layer = row.layer_errors is not None
    precision_help = "number format of weights and arithmetic"
    if by_layer:
        attempts = ", ".join((INT8_ATTEMPTS, *row.fallbacks))
        precision_help += f"; {AUTO}: the first of these that passes: {attempts}"
    command.add_argument(
        "--precision",
        choices=precisions(format_name),
        default=row.precisions[0],
        help=precision_help,
    )
    command.add_argument(
        "--io",
        choices=(ArtifactSpec.io, *row.other_io),
        default=ArtifactSpec.io,
        help="what the file takes (uint8: raw pixels); "
        + "; ".join(IO_HELP[io] for io in row.other_io),
    )
    integer = "int8 or mixed" if by_layer else "int8"
    again = f"; {INT8_AGAIN}" if by_layer else ""
    command.add_argument(
        "--ranges",
        choices=get_args(Ranges),
        help=f"how the ranges of activations are found in {integer} (percentile: the outermost"
        f" values are cut off; default: {ArtifactSpec.ranges}{again})",
    )
    if by_layer:
        command.add_argument(
            "--float-layers",
            metavar="A,B",
            help="layers that stay in float, with --precision mixed",
        )
        command.add_argument(
            "--prefer",
            choices=get_args(Prefer),
            default=ExportOptions.prefer,
            help=f"with {AUTO}: of the files that pass, the smallest or the fastest one here (speed"
            " makes more files)",
        )
        command.add_argument(
            "--equalize",
            action="store_true",
            help="cross-layer equalization of a Keras model before int8 or mixed",
        )
    if row.fine_tunes:
        _add_fine_tuning(command)
    if row.max_batch > 1:
        command.add_argument(
            "--batch",
            type=int,
            default=ArtifactSpec.batch,
            metavar="N",
            help="images per call, for other programs",
        )


def _add_fine_tuning(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--qat",
        type=int,
        nargs="?",
        const=DEFAULT_EPOCHS,
        metavar="EPOCHS",
        help="quantization-aware fine-tuning before int8, of at most EPOCHS (without a number"
        f" {DEFAULT_EPOCHS}); with {AUTO}, as one more attempt",
    )


def chosen_artifact_spec(arguments: argparse.Namespace) -> ArtifactSpec:
    """Returns the spec that the options describe.

    Raises:
        InputRefused: the options contradict each other.
    """
    precision, ranges = arguments.precision, arguments.ranges or ArtifactSpec.ranges
    if precision not in INTEGER and ranges != ArtifactSpec.ranges:
        raise InputRefused(
            "--ranges",
            f"expected {ArtifactSpec.ranges} with --precision {precision}, found {ranges}",
        )
    if getattr(arguments, "prefer", ExportOptions.prefer) != ExportOptions.prefer:
        raise InputRefused("--prefer", f"expected with --precision {AUTO}, found {precision}")
    batch = getattr(arguments, "batch", ArtifactSpec.batch)  # not every format has the option
    equalized = getattr(arguments, "equalize", False)
    fine_tuned = getattr(arguments, "qat", None) is not None
    layers = tuple(filter(None, (getattr(arguments, "float_layers", "") or "").split(",")))
    if (precision == MIXED) != bool(layers):
        raise InputRefused(
            "--float-layers",
            "expected with --precision mixed, with at least one layer, and with no other precision",
        )
    if precision not in INTEGER and equalized:
        raise InputRefused(
            "--equalize", f"expected with --precision int8 or mixed, found {precision}"
        )
    if fine_tuned and (precision != "int8" or ranges != ArtifactSpec.ranges):
        raise InputRefused(
            "--qat",
            f"expected with --precision int8 and without --ranges, or with --precision {AUTO}",
        )
    return ArtifactSpec(
        arguments.format,
        precision,
        io=arguments.io,
        ranges=ranges,
        equalized=equalized,
        float_layers=layers,
        qat=fine_tuned,
        batch=batch,
    )


def chosen_epochs(arguments: argparse.Namespace) -> int:
    """Returns the most epochs of quantization-aware fine-tuning; 0: none.

    Raises:
        InputRefused: they are less than 1 or more than MAX_EPOCHS.
    """
    epochs: int | None = getattr(arguments, "qat", None)
    if epochs is None:
        return 0
    if not 1 <= epochs <= MAX_EPOCHS:
        raise InputRefused(
            "--qat", f"expected from 1 to {MAX_EPOCHS} epochs, found {str(epochs)[:20]}"
        )
    return epochs


def require_plain_auto(arguments: argparse.Namespace) -> None:
    """Refuses `--precision auto` with an option that auto chooses itself.

    Raises:
        InputRefused: there is such an option.
    """
    if (
        getattr(arguments, "equalize", False)
        or arguments.ranges
        or arguments.float_layers
        or arguments.io != ArtifactSpec.io
    ):
        raise InputRefused(
            f"--precision {AUTO}",
            "makes several attempts by itself; leave out --equalize, --ranges, --float-layers and"
            " --io",
        )
