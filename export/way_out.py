"""The options of `python -m export tflite` that ask for a rung of the ladder directly."""

import argparse

from export.kind import Kind
from runtime.errors import InputRefused

AUTO, MIXED, INTEGER = "auto", "mixed", ("int8", "mixed")
DEFAULT_EPOCHS = 5


def add_way_out(command: argparse.ArgumentParser) -> None:
    """Adds them."""
    command.add_argument("--equalize", action="store_true", help="cross-layer equalization before int8 or mixed")
    command.add_argument(
        "--ranges", choices=("minmax", "percentile"), default="minmax", help="of activations in int8 or mixed (percentile: cut at 99.99)"
    )
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
    if given.format != "tflite":
        return Kind(given.format, given.precision)
    layers = tuple(name for name in (given.float_layers or "").split(",") if name)
    if (given.precision == MIXED) != bool(layers):
        raise InputRefused("--float-layers", "expected with --precision mixed, naming at least one layer, and with no other precision")
    if given.precision not in INTEGER and (given.equalize or given.ranges != "minmax"):
        raise InputRefused("--equalize and --ranges", f"expected with --precision int8 or mixed, found {given.precision}")
    if given.qat is not None and (given.precision != "int8" or given.ranges != "minmax"):
        raise InputRefused("--qat", f"expected with --precision int8 and ranges of its own, or with --precision {AUTO}")
    return Kind(
        given.format,
        given.precision,
        ranges=given.ranges,
        equalized=given.equalize,
        float_layers=layers,
        qat=given.qat is not None,
    )


def chosen_epochs(given: argparse.Namespace) -> int:
    """At most so many epochs of quantization-aware fine-tuning; 0 for none."""
    epochs: int | None = getattr(given, "qat", None)
    if epochs is not None and epochs < 1:
        raise InputRefused("--qat", f"expected at least 1 epoch, found {epochs}")
    if getattr(given, "precision", None) == AUTO and (given.equalize or given.ranges != "minmax" or given.float_layers):
        raise InputRefused(f"--precision {AUTO}", "tries all of them by itself; leave out --equalize, --ranges and --float-layers")
    return epochs or 0
