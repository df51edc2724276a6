"""Runs `python -m train choose DIR`, which compares networks and chooses one for a device."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json, add_output, positive_ints_argument
from runtime.errors import DONE, CheckFailed
from runtime.shared.statistics import counted_images
from runtime.system.terminal import escape_control_chars
from train.backbones.registry import OFFLINE
from train.commands.arguments import (
    add_cache,
    add_data,
    limit_argument,
    names_argument,
    training_command,
)
from train.commands.cache_limit import limit_cache
from train.commands.interrupts import ends_soon
from train.configuration.flags import add_flags, options_from_arguments
from train.selection.choice import CandidateRow, ChoiceLimits
from train.selection.select_network import (
    ComparisonOptions,
    NetworkChoice,
    select_network,
)

NAME = program_name("train")
DATA_FLAGS = (
    "--fit",
    "--grey16",
    "--region",
    "--test-fraction",
    "--val-fraction",
    "--seed",
    "--group-by",
)
"""The options of a training that change which images are compared, or their pixels."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    limits = ChoiceLimits(parsed.max_ms, parsed.max_mb)
    comparison = ComparisonOptions(parsed.backbones, parsed.input_sizes, limits, parsed.latency)
    data_name = os.path.basename(os.path.realpath(parsed.data))
    with ends_soon(f"{NAME} choose", "the same command uses what is computed"):
        choice = select_network(
            parsed.data,
            parsed.output or Path("runs") / f"{data_name}-choice",
            options_from_arguments(parsed),
            comparison,
            cache=parsed.cache,
        )
    command = ""
    if choice.choice:
        command = training_command(parsed.data, choice.options, parsed.cache)
    print_result(
        {**asdict(choice), **asdict(limits), "train_command": command},
        as_json=parsed.json,
        text=lambda: f"{_text(choice)}\n{escape_control_chars(command)}".rstrip(),
    )
    limit_cache(parsed)
    if not choice.choice:
        raise CheckFailed(str(parsed.data), _nothing_fits(choice, limits))
    return DONE


def _text(choice: NetworkChoice) -> str:
    width = max(len(row.network) for row in choice.rows)
    lines = [f"{'network':<{width}}  input  accuracy  95 % interval        ms      MB"]
    lines += [f"{row.network:<{width}}  {_figures(row)}" for row in choice.rows]
    images = counted_images(choice.val_images, choice.val_objects)
    lines.append(
        f"accuracy: of a solved head on {images} for validation, before fine-tuning; "
        f"ms and MB: of int8 .tflite files, measured on {choice.latency_from}; *: Pareto front"
    )
    if choice.choice:
        lines.append(f"choice: {choice.choice}; to train it:")
    return "\n".join(lines)


def _figures(row: CandidateRow) -> str:
    marks = [" *" if row.front else "  "]
    if row.chosen:
        marks.append("choice")
    elif not row.fits:
        marks.append("over the limits")
    return (
        f"{row.input_size:>5}  {row.val_accuracy:>8.4f}  {row.low:.4f} to {row.high:.4f}"
        f"  {row.ms:>6.1f}  {row.mb:>6.2f}{' '.join(marks)}"
    ).rstrip()


def _nothing_fits(choice: NetworkChoice, limits: ChoiceLimits) -> str:
    asked = []
    if limits.max_ms is not None:
        asked.append(f"{limits.max_ms:g} ms")
    if limits.max_mb is not None:
        asked.append(f"{limits.max_mb:g} MB")
    row = next(row for row in choice.rows if row.network == choice.nearest)
    return (
        f"expected a network of at most {' and '.join(asked)}, found none; the nearest is "
        f"{row.network} with {row.ms:.1f} ms and {row.mb:.2f} MB; allow more, or try smaller "
        "--input-sizes or other --backbones"
    )


def _parser() -> CommandParser:
    parser = CommandParser(
        prog=f"{NAME} choose",
        description="Compare pretrained networks and input sizes on a folder of images by heads "
        "solved on their frozen features, and by latency and size of int8 .tflite files; print the "
        "command that trains the best one within the limits.",
    )
    add_data(parser)
    add_output(
        parser,
        "folder for choice.json, choice.png, latency.json and models/ (default: runs/NAME-choice)",
    )
    parser.add_argument(
        "--max-ms", type=limit_argument, metavar="MS", help="the longest an image may take"
    )
    parser.add_argument(
        "--max-mb",
        type=limit_argument,
        metavar="MB",
        help="the largest model file, in millions of bytes",
    )
    parser.add_argument(
        "--latency",
        type=Path,
        metavar="FILE.json",
        help="what quince bench latency models/*.tflite -o FILE.json wrote on the device "
        "(default: this machine is measured)",
    )
    parser.add_argument(
        "--backbones",
        type=names_argument,
        default=(),
        metavar="NAME,NAME",
        help=f"networks to compare, each in all its widths (default: {','.join(OFFLINE)}, whose "
        "weights need no download)",
    )
    parser.add_argument(
        "--input-sizes",
        type=positive_ints_argument,
        default=(),
        metavar="N,N",
        help="sides of the input in pixels (default: three for each backbone, up to the size that "
        "train would take)",
    )
    add_flags(parser, DATA_FLAGS)
    add_cache(parser)
    add_json(parser)
    return parser
