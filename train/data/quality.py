"""Measures the quality of a data set: refused files, copies, near-duplicates, colour and sizes."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any

from train.data.dataset import Dataset
from train.data.grey16_findings import (
    Grey16Summary,
    colour16_faults,
    grey16_faults,
    grey16_remarks,
    summarize_grey16,
)
from train.data.quality_findings import RecordPair, find_faults, find_remarks
from workstation.run_folder import ImageRecord, Split, write_table

MAX_PAIRS = 5
"""How many pairs a manifest holds; near_duplicates.csv has all."""
PAIR_COLUMNS = (
    "across",
    "distance",
    "path",
    "other_path",
    "label",
    "other_label",
    "split",
    "other_split",
)
SPLIT_ORDER = ("strange", "test", "val", "train")


@dataclass(frozen=True)
class DuplicatePair:
    """Names two files that look the same, by their paths below the data folder.

    across: "split" or "class", whichever differs between them.
    distance: the number of bits, 0 to 8, in which their perceptual hashes differ.
    """

    across: str
    distance: int
    path: str
    other_path: str
    label: str
    other_label: str
    split: Split
    other_split: Split


@dataclass(frozen=True)
class DataQuality:
    """Holds what was measured on a data set. Counts are of files.

    left_out: hidden files and folders, files of file managers, links to a parent; not in `files`.
    copies: used files whose exact content another used file has.
    near_duplicates: used files in one of `duplicate_groups` groups of different files that look
        the same.
    grey16_summary: what the images of 16-bit grey use and keep, or None without any.
    sides: the smallest, median and largest shorter side in pixels.
    faults: sentences on what makes an accuracy wrong.
    remarks: sentences on what else a person should know.
    pairs: the near-duplicates across splits or classes, those that look most alike first. Each
        image that has any is in one or more.
    """

    files: int
    left_out: int
    refused: int
    copies: int
    near_duplicates: int
    duplicate_groups: int
    largest_group: int
    grey: int
    grey16_summary: Grey16Summary | None
    sides: tuple[int, int, int]
    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    pairs: tuple[DuplicatePair, ...]


def examine_quality(
    data: Dataset, input_size: int, pairs_listed: str, grey16: Sequence[int] | None = None
) -> DataQuality:
    """Measures `data` for a network whose input is `input_size` pixels wide and high.

    `pairs_listed` says in the faults where a user finds all pairs. `grey16` is the range (low,
    high) of 16-bit grey that was fitted to the training images, if there is one.
    """
    used = [image for image in data.images if image.split != "refused"]
    appearance = data.appearance
    group_of = {
        sha256: number for number, group in enumerate(appearance.groups) for sha256 in group
    }
    group_sizes = Counter(group_of[image.sha256] for image in used if image.sha256 in group_of)
    sides = sorted(
        min(appearance.sizes[image.sha256]) for image in used if image.sha256 in appearance.sizes
    ) or [0]
    summary = summarize_grey16(data, used, grey16)
    split_pairs = _pairs_across(data, "split")
    class_pairs = _pairs_across(data, "label")
    return DataQuality(
        files=len(data.images),
        left_out=len(data.left_out),
        refused=len(data.images) - len(used),
        copies=len(used) - len({image.sha256 for image in used}),
        near_duplicates=group_sizes.total(),
        duplicate_groups=len(group_sizes),
        largest_group=max(group_sizes.values(), default=0),
        grey=sum(image.sha256 in appearance.grey for image in used),
        grey16_summary=summary,
        sides=(sides[0], int(statistics.median(sides)), sides[-1]),
        faults=(
            *find_faults(data, list(split_pairs), list(class_pairs), pairs_listed),
            *grey16_faults(summary),
            *colour16_faults(data),
        ),
        remarks=(
            *find_remarks(data, used, group_sizes, input_size),
            *grey16_remarks(summary, len(used)),
        ),
        pairs=tuple(
            sorted(
                [*_describe_pairs("split", split_pairs), *_describe_pairs("class", class_pairs)],
                key=lambda pair: pair.distance,
            )
        ),
    )


def health_record(quality: DataQuality) -> dict[str, Any]:
    """Returns what a manifest holds of `quality`, with the first MAX_PAIRS pairs only."""
    return asdict(replace(quality, pairs=quality.pairs[:MAX_PAIRS]))


def write_pairs(path: Path, quality: DataQuality) -> None:
    """Writes all pairs as CSV, those that look most alike first."""
    write_table(
        path, PAIR_COLUMNS, ([str(value) for value in astuple(pair)] for pair in quality.pairs)
    )


def count_by_class(data: Dataset) -> dict[str, dict[Split, int]]:
    """Returns the number of files by class and split, refused ones too, in the order of labels."""
    counts = Counter((image.label, image.split) for image in data.images)
    splits: tuple[Split, ...] = ("train", "val", "test", "refused")
    return {label: {split: counts[label, split] for split in splits} for label in data.labels}


def _pairs_across(data: Dataset, field: str) -> dict[RecordPair, int]:
    """Returns pairs of near-duplicates that differ in `field`, and their distances, nearest first.

    Every file that has the content is in a pair. Of each pair, the held-out image comes first.
    """
    files: defaultdict[str, list[ImageRecord]] = defaultdict(list)
    for image in data.images:
        if image.split != "refused":
            files[image.sha256].append(image)
    pairs: dict[RecordPair, int] = {}
    appearance = data.appearance
    for (first, second), distance in zip(appearance.pairs, appearance.distances, strict=True):
        candidates = [
            *((image, files[second][0]) for image in files[first]),
            *((files[first][0], image) for image in files[second]),
        ]
        for left, right in candidates:
            if getattr(left, field) != getattr(right, field):
                held_out, other = sorted((left, right), key=_held_out_first)
                pairs[held_out, other] = distance
    order = sorted(pairs, key=lambda pair: (pairs[pair], pair[0].path, pair[1].path))
    return {pair: pairs[pair] for pair in order}


def _held_out_first(image: ImageRecord) -> tuple[int, str]:
    return SPLIT_ORDER.index(image.split), image.path


def _describe_pairs(across: str, pairs: Mapping[RecordPair, int]) -> list[DuplicatePair]:
    return [
        DuplicatePair(
            across,
            distance,
            left.path,
            right.path,
            left.label,
            right.label,
            left.split,
            right.split,
        )
        for (left, right), distance in pairs.items()
    ]
