"""What a person should know of a data set before trusting an accuracy on it."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from runtime.run_folder import Picture, Split
from train.data import DataSet

FEW_PICTURES_PER_CLASS = 20
"""Below this an accuracy says little: one test picture is worth several points."""
IMBALANCE = 10
"""From so many times the pictures of the smallest class on, the largest one dominates the accuracy."""
SHOWN_PAIRS = 5
HELD_OUT: tuple[tuple[Split, str, frozenset[Split], str], ...] = (
    ("test", "test", frozenset({"train", "val"}), "training or validation"),
    ("val", "validation", frozenset({"train"}), "training"),
)
"""Each held-out split, its name, and the splits (with their name) it should share nothing with."""


@dataclass(frozen=True)
class Pair:
    """Two files that look the same, by their paths below the data folder, and what that is against: "split" or "class"."""

    across: str
    one: str
    other: str


@dataclass(frozen=True)
class Health:
    """The state of a data set. Counts are of files; sides are (smallest, median, largest) shorter sides in pixels.

    copies: used files whose very content another used file has; near_duplicates: used files in a group of different ones that look the
    same; faults: what makes an accuracy wrong, in sentences; remarks: what else to know; pairs: the first few of each kind.
    """

    files: int
    refused: int
    copies: int
    near_duplicates: int
    groups: int
    largest_group: int
    grey: int
    sides: tuple[int, int, int]
    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    pairs: tuple[Pair, ...]


def examine(data: DataSet, input_size: int) -> Health:
    """The health of `data` for a network whose input has `input_size` pixels a side."""
    used = [picture for picture in data.pictures if picture.split != "refused"]
    grouped = {sha256: number for number, group in enumerate(data.looks.groups) for sha256 in group}
    sizes = Counter(grouped[picture.sha256] for picture in used if picture.sha256 in grouped)
    sides = sorted(min(data.looks.sizes[picture.sha256]) for picture in used if picture.sha256 in data.looks.sizes) or [0]
    pairs = {kind: _pairs(data, kind) for kind in ("split", "class")}
    return Health(
        files=len(data.pictures),
        refused=len(data.pictures) - len(used),
        copies=len(used) - len({picture.sha256 for picture in used}),
        near_duplicates=sizes.total(),
        groups=len(sizes),
        largest_group=max(sizes.values(), default=0),
        grey=sum(picture.sha256 in data.looks.grey for picture in used),
        sides=(sides[0], int(statistics.median(sides)), sides[-1]),
        faults=(*_unusable(data), *_shared(data), *_two_classes(pairs["class"])),
        remarks=(*_alike(data, used, sizes), *_counted(data), *_colours(data, used), *_small(data, used, input_size)),
        pairs=tuple(Pair(kind, one.path, other.path) for kind, found in pairs.items() for one, other in found[:SHOWN_PAIRS]),
    )


def counts(data: DataSet) -> dict[str, dict[Split, int]]:
    """How many files each class has in each split and among those refused, in the order of the labels."""
    found = Counter((picture.label, picture.split) for picture in data.pictures)
    splits: tuple[Split, ...] = ("train", "val", "test", "refused")
    return {label: {split: found[label, split] for split in splits} for label in data.labels}


def _unusable(data: DataSet) -> Iterator[str]:
    if refused := len(data.split("refused")):
        yield f"{refused} of {len(data.pictures)} files were refused"


def _shared(data: DataSet) -> Iterator[str]:
    """Held-out pictures that training has seen near-duplicates of: in the given splits, or because a class is nearly one picture."""
    across = _pairs(data, "split")
    splits = {picture.sha256: picture.split for picture in data.pictures if picture.split != "refused"}
    for split, name, others, seen in HELD_OUT:
        pictures = data.split(split)
        near = {sha256 for group in data.looks.groups if others & set(map(splits.get, group)) for sha256 in group}
        linked = [picture for picture in pictures if picture.sha256 in near]
        met = {one.path: other.path for one, other in across if one.split == split and other.split in others}
        if met:
            one, other = next(iter(met.items()))
            yield (
                f"{len(met)} of {len(pictures)} {name} pictures are near-duplicates of pictures in {seen} ({one} of {other}), "
                f"{len(linked)} by way of others: frames of one clip, or photos of one object? They flatter the accuracy"
            )
        elif linked:
            names = ", ".join(sorted({picture.label for picture in linked}))
            yield (
                f"{len(linked)} of {len(pictures)} {name} pictures are near-duplicates of pictures in {seen}, since nearly all of "
                f"{names} are alike: they flatter the accuracy; add pictures taken at other times"
            )


def _two_classes(pairs: list[tuple[Picture, Picture]]) -> Iterator[str]:
    if pairs:
        one, other = pairs[0]
        files = {picture.path for pair in pairs for picture in pair}
        yield f"{len(files)} pictures look nearly the same as one of another class ({one.path} and {other.path}): is a label wrong?"


def _alike(data: DataSet, used: list[Picture], sizes: Counter[int]) -> Iterator[str]:
    if sizes:
        yield (
            f"{sizes.total()} of {len(used)} pictures are near-duplicates (groups: {len(sizes)}, the largest of "
            f"{max(sizes.values())}); where Quince draws the split, a group stays together"
        )
    if copies := len(used) - len({picture.sha256 for picture in used}):
        yield f"{copies} of {len(used)} pictures are exact copies of others; copies stay together"


def _counted(data: DataSet) -> Iterator[str]:
    for split, name, _, _ in reversed(HELD_OUT):
        if absent := set(data.labels) - {picture.label for picture in data.split(split)}:
            yield f"no {name} pictures of {', '.join(sorted(absent))}: how well they are recognised stays unknown"
    trained = Counter(picture.label for picture in data.split("train")).most_common()
    (most, largest), (least, smallest) = trained[0], trained[-1]
    if largest >= IMBALANCE * smallest:
        yield (
            f"'{most}' has {largest} training pictures and '{least}' {smallest}: one accuracy over all classes will mislead; "
            "--class-weights balanced makes each class count the same"
        )
    for label, count in trained:
        if count < FEW_PICTURES_PER_CLASS:
            yield f"class '{label}' has only {count} training pictures: its accuracy will mean little"


def _colours(data: DataSet, used: list[Picture]) -> Iterator[str]:
    grey = Counter(picture.label for picture in used if picture.sha256 in data.looks.grey)
    if 0 < grey.total() < len(used):
        totals = Counter(picture.label for picture in used)
        label = max(sorted(grey), key=lambda name: grey[name] / totals[name])
        yield (
            f"{grey.total()} of {len(used)} pictures are grey, the others in colour (of '{label}' {grey[label]} of {totals[label]}): "
            "the model may learn that instead of the class"
        )


def _small(data: DataSet, used: list[Picture], input_size: int) -> Iterator[str]:
    sides = {picture.path: min(data.looks.sizes[picture.sha256]) for picture in used if picture.sha256 in data.looks.sizes}
    if small := {path: side for path, side in sides.items() if 2 * side < input_size}:
        least = min(small, key=lambda path: small[path])
        yield (
            f"{len(small)} of {len(used)} pictures have less than half the input's {input_size} pixels a side ({least}: {small[least]}) "
            "and will be blurred"
        )


def _pairs(data: DataSet, across: str) -> list[tuple[Picture, Picture]]:
    """Pairs of near-duplicates in different splits or classes, every file that has the content; held-out pictures first in their pair."""
    files: defaultdict[str, list[Picture]] = defaultdict(list)
    for picture in data.pictures:
        if picture.split != "refused":
            files[picture.sha256].append(picture)
    order = ("test", "val", "train")
    found: set[tuple[Picture, Picture]] = set()
    for first, second in data.looks.pairs:
        together = [(one, files[second][0]) for one in files[first]] + [(files[first][0], other) for other in files[second]]
        for pair in together:
            if (pair[0].split != pair[1].split) if across == "split" else (pair[0].label != pair[1].label):
                one, other = sorted(pair, key=lambda picture: (order.index(picture.split), picture.path))
                found.add((one, other))
    return sorted(found, key=lambda pair: (pair[0].path, pair[1].path))
