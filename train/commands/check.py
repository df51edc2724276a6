"""Runs `python -m train check DIR`, which finds the faults of a folder of images."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser
from runtime.errors import DONE, REFUSED, InputRefused
from runtime.shared.prediction_output import left_out_lines
from runtime.system.lazy_loading import require_packages
from runtime.system.terminal import escape_control_chars, say
from train.commands.arguments import add_cache, add_data, add_json
from train.configuration.options import Grey16Rule, TrainOptions
from train.data.dataset_report import (
    MAX_REFUSED,
    class_table,
    listing_refused,
    refused_lines,
    size_line,
)
from train.data.image_folder import scan_image_folder
from train.data.preparation import decode_images
from train.data.quality import count_by_class, examine_quality, write_pairs
from train.data.split import SplitFractions

NAME = f"{program_name('train')} check"


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    options = TrainOptions(
        input_size=parsed.input_size,
        test_fraction=parsed.test_fraction,
        val_fraction=parsed.val_fraction,
        seed=parsed.seed,
        grey16=parsed.grey16,
        group_by=parsed.group_by,
    )
    fractions = SplitFractions(options.test_fraction, options.val_fraction)
    if parsed.pairs and parsed.pairs.exists():
        raise InputRefused(str(parsed.pairs), "exists already; choose another file for --pairs")
    folder = scan_image_folder(parsed.data)
    require_packages("checking", "train", "imagehash")
    with listing_refused(NAME, folder.root, None if parsed.verbose else MAX_REFUSED):
        data, pixels = decode_images(folder, options, fractions, parsed.cache)
    size = pixels.preprocessing.width
    if parsed.pairs:
        pairs_listed = str(parsed.pairs)
    elif parsed.json:
        pairs_listed = "pairs in this JSON"
    else:
        pairs_listed = "use --pairs FILE.csv or --json"
    quality = examine_quality(data, size, pairs_listed, pixels.preprocessing.grey16)
    if parsed.pairs:
        write_pairs(parsed.pairs, quality)

    for line in refused_lines(NAME, data.root, data.split("refused")):
        say(line)
    if parsed.verbose:
        for line in left_out_lines([data.root / path for path in data.left_out], verbose=True):
            say(f"{NAME}: {line}")
    refused = [{"path": image.path, "reason": image.reason} for image in data.split("refused")]
    findings = [*(quality.faults or ["no faults found"]), *quality.remarks]
    lines = [*class_table(data), size_line(quality, size), *map(escape_control_chars, findings)]
    result = {
        **asdict(quality),
        "input_size": size,
        "counts": count_by_class(data),
        "refused_files": refused,
        "left_out_files": data.left_out,
    }
    print_result(result, as_json=parsed.json, text=lambda: "\n".join(lines))
    if parsed.strict and quality.faults:
        say(
            f"{NAME}: {parsed.data}: {len(quality.faults)} faults (--strict), "
            f"the first: {quality.faults[0]}"
        )
        return REFUSED
    return DONE


def _parser() -> CommandParser:
    parser = CommandParser(
        prog=NAME,
        description="Count the images of a folder, name the files that cannot be read, and find "
        "copies and near-duplicates in different splits or classes. Training does the same before "
        "its first epoch.",
    )
    add_data(parser)
    parser.add_argument(
        "--input-size",
        type=int,
        metavar="N",
        help="side of the model's input in pixels, as in training",
    )
    defaults = TrainOptions()
    for flag, default in (
        ("--test-fraction", defaults.test_fraction),
        ("--val-fraction", defaults.val_fraction),
        ("--seed", defaults.seed),
    ):
        parser.add_argument(
            flag, type=type(default), metavar="N", default=default, help="as in training"
        )
    parser.add_argument(
        "--grey16", choices=get_args(Grey16Rule), default=defaults.grey16, help="as in training"
    )
    parser.add_argument("--group-by", metavar="PATTERN", help="as in training")
    add_cache(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 2 if a file is refused, or if images in different splits or classes look "
        "the same",
    )
    parser.add_argument(
        "--pairs",
        type=Path,
        metavar="FILE.csv",
        help="write all near-duplicates of different splits or classes to FILE.csv, those that "
        "look most alike first",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="list all refused files, and the hidden files that are left out",
    )
    add_json(parser)
    return parser
