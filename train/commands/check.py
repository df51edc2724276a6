"""Runs `python -m train check DIR`, which finds the faults of a folder of images."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json
from runtime.errors import DONE, REFUSED, InputRefused
from runtime.shared.prediction_output import left_out_lines
from runtime.shared.rerun_command import rerun_command
from runtime.shared.wording import counted
from runtime.system.atomic_files import require_writable_folder
from runtime.system.lazy_loading import require_packages, requires_extra
from runtime.system.terminal import escape_control_chars, say
from train.commands.arguments import add_cache, add_data, require_new_page
from train.commands.cache_limit import limit_cache
from train.commands.interrupts import ends_soon
from train.configuration.flags import add_flags, options_from_arguments
from train.data.dataset import Dataset
from train.data.dataset_report import (
    MAX_REFUSED,
    class_table,
    listing_refused,
    refused_lines,
    size_line,
)
from train.data.decoded_cache import PixelCache
from train.data.image_folder import ImageFolder, scan_image_folder
from train.data.preparation import decode_images
from train.data.quality import DataQuality, count_by_class, examine_quality, write_pairs
from train.data.split import SplitFractions

if TYPE_CHECKING:
    from train.review.review import Review

NAME = f"{program_name('train')} check"
DATA_FLAGS = (
    "--input-size",
    "--grey16",
    "--region",
    "--test-fraction",
    "--val-fraction",
    "--seed",
    "--group-by",
)
"""The options of a training that change its images."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    options = options_from_arguments(parsed)
    fractions = SplitFractions(options.test_fraction, options.val_fraction)
    if parsed.pairs and parsed.pairs.exists():
        raise InputRefused(str(parsed.pairs), "exists already; choose another file for --pairs")
    if parsed.report:
        _require_writable_report(parsed)
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
    review = None
    if parsed.report:
        command = rerun_command("train", ["check", *arguments])
        with ends_soon(NAME, "no page was written; the same command uses what is computed"):
            review = _review(parsed, folder, data, pixels, quality, command)

    for line in refused_lines(NAME, data.root, data.split("refused")):
        say(line)
    if parsed.verbose:
        for line in left_out_lines([data.root / path for path in data.left_out], verbose=True):
            say(f"{NAME}: {line}")
    refused = [{"path": image.path, "reason": image.reason} for image in data.split("refused")]
    findings = [*(quality.faults or ["no faults found"]), *quality.remarks]
    if review:
        findings += review.sentences()
    lines = [*class_table(data), size_line(quality, size), *map(escape_control_chars, findings)]
    result = {
        **asdict(quality),
        "input_size": size,
        "counts": count_by_class(data),
        "refused_files": refused,
        "left_out_files": data.left_out,
        **({"review": review.record()} if review else {}),
    }
    print_result(result, as_json=parsed.json, text=lambda: "\n".join(lines))
    limit_cache(parsed)
    if parsed.strict and quality.faults:
        say(
            f"{NAME}: {parsed.data}: {counted(len(quality.faults), 'fault')} (--strict), "
            f"the first: {quality.faults[0]}"
        )
        return REFUSED
    return DONE


def _require_writable_report(parsed: argparse.Namespace) -> None:
    """Refuses a page or table that would replace a file or count as an image, before any work."""
    table = parsed.report.with_suffix(".csv")
    require_new_page(parsed.report, overwrite=parsed.overwrite)
    if table.exists() and not parsed.overwrite:
        raise InputRefused(
            str(table), "exists already, beside --report; use --overwrite or another --report"
        )
    if Path(os.path.realpath(parsed.data)) in Path(os.path.realpath(parsed.report)).parents:
        raise InputRefused(
            str(parsed.report),
            f"is in {parsed.data}, where the next check would count it; choose another --report",
        )
    require_writable_folder(parsed.report)


def _review(
    parsed: argparse.Namespace,
    folder: ImageFolder,
    data: Dataset,
    pixels: PixelCache,
    quality: DataQuality,
    command: str,
) -> "Review":
    """Reviews the images, and writes the page and the table."""
    with requires_extra("train", "--report"):
        from train.review.review import review_images, write_review
    review = review_images(folder, data, pixels, parsed.cache)
    write_review(
        parsed.report,
        review,
        folder,
        data,
        pixels.preprocessing,
        findings=quality.faults + quality.remarks,
        counts=count_by_class(data),
        command=command,
    )
    say(f"report: {parsed.report}")
    return review


def _parser() -> CommandParser:
    parser = CommandParser(
        prog=NAME,
        description="Count the images of a folder, name the files that cannot be read, and find "
        "copies and near-duplicates in different splits or classes. Training does the same before "
        "its first epoch.",
    )
    add_data(parser)
    add_flags(parser, DATA_FLAGS)
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
        "--report",
        type=Path,
        nargs="?",
        const=Path("check.html"),
        metavar="FILE.html",
        help="also review the images, and write a page with those whose label may be wrong or that "
        "are empty, dark or blurred, with commands that move them (check.html without a name); a "
        "table of the same name, .csv, has all of them",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the page and the table of --report"
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="list all refused files, and the hidden files that are left out",
    )
    add_json(parser)
    return parser
