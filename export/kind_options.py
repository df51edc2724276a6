"""The options of `python -m export` that say what kind of file is made."""

import argparse
from typing import get_args

from export.formats import FORMATS
from export.kind import Io, Kind, Ranges
from runtime.errors import InputRefused

AUTO, MIXED, INTEGER = "auto", "mixed", ("int8", "mixed")
DEFAULT_EPOCHS, MOST_EPOCHS = 5, 10_000
RUNGS = "int8, int8 with percentile ranges, int8 equalized, int8 with the worst layers in float, int16x8, dynamic, fp16, fp32"


def add_kind_options(command: argparse.ArgumentParser, format_name: str) -> None:
    """Adds those that go with a format."""
    precisions = FORMATS[format_name].precisions
    tflite = format_name == "tflite"
    auto = f"; {AUTO}: the first that passes of {RUNGS}" if tflite else ""
    command.add_argument(
        "--precision",
        choices=(*precisions, MIXED, AUTO) if tflite else precisions,
        default=precisions[0],
        help=f"of weights and arithmetic{auto}",
    )
    io = "int8: in and out of an int8 file" if tflite else "float: planes of 0..1 in, as PyTorch's programs feed them"
    command.add_argument("--io", choices=[one for one in get_args(Io) if one != ("float" if tflite else "int8")], default=Kind.io, help=io)
    cut = "of activations in int8 or mixed" if tflite else "of activations in int8"
    command.add_argument("--ranges", choices=get_args(Ranges), default=Kind.ranges, help=f"{cut} (percentile: the outermost are cut off)")
    if tflite:
        _add_ways_out(command)
    else:
        command.add_argument("--batch", type=int, default=Kind.batch, metavar="N", help="pictures a call, for other programs")


def _add_ways_out(command: argparse.ArgumentParser) -> None:
    command.add_argument("--equalize", action="store_true", help="cross-layer equalization before int8 or mixed")
    command.add_argument("--float-layers", metavar="A,B", help="Keras layers that stay in float, with --precision mixed")
    command.add_argument(
        "--qat",
        type=int,
        nargs="?",
        const=DEFAULT_EPOCHS,
        metavar="EPOCHS",
        help=f"quantization-aware fine-tuning before int8, at most so many epochs (without a number {DEFAULT_EPOCHS}); with {AUTO}, a rung",
    )


def chosen_kind(given: argparse.Namespace) -> Kind:
    """The one kind of file that the options ask for.

    Raises:
        InputRefused: they do not go together.
    """
    if given.precision not in INTEGER and given.ranges != Kind.ranges:
        raise InputRefused("--ranges", f"{given.ranges} is for integers, not for {given.precision}")
    if given.format != "tflite":
        return Kind(given.format, given.precision, io=given.io, ranges=given.ranges, batch=given.batch)
    layers = tuple(name for name in (given.float_layers or "").split(",") if name)
    if (given.precision == MIXED) != bool(layers):
        raise InputRefused("--float-layers", "expected with --precision mixed, naming at least one layer, and with no other precision")
    if given.precision not in INTEGER and given.equalize:
        raise InputRefused("--equalize", f"expected with --precision int8 or mixed, found {given.precision}")
    if given.qat is not None and (given.precision != "int8" or given.ranges != "minmax"):
        raise InputRefused("--qat", f"expected with --precision int8 and ranges of its own, or with --precision {AUTO}")
    return Kind(
        given.format,
        given.precision,
        io=given.io,
        ranges=given.ranges,
        equalized=given.equalize,
        float_layers=layers,
        qat=given.qat is not None,
    )


def chosen_epochs(given: argparse.Namespace) -> int:
    """At most so many epochs of quantization-aware fine-tuning; 0 for none."""
    epochs: int | None = getattr(given, "qat", None)
    if epochs is not None and not 1 <= epochs <= MOST_EPOCHS:
        raise InputRefused("--qat", f"expected at least 1 epoch and at most {MOST_EPOCHS}, found {str(epochs)[:20]}")
    if getattr(given, "precision", None) == AUTO and (
        given.equalize or given.ranges != "minmax" or given.float_layers or given.io != Kind.io
    ):
        raise InputRefused(f"--precision {AUTO}", "tries several by itself; leave out --equalize, --ranges, --float-layers and --io")
    return epochs or 0
