"""A seeded, stratified split by content: copies and near-duplicates stay together, and moving or renaming files changes nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from runtime.errors import InputRefused
from runtime.run_folder import Picture, Split


@dataclass(frozen=True)
class Fractions:
    """Which part of each class's pictures becomes test, and which part of the others validation, where no folder says so."""

    test: float = 0.2
    val: float = 0.1

    def __post_init__(self) -> None:
        for name, value in (("test", self.test), ("val", self.val)):
            if not 0 < value <= 0.5:
                raise InputRefused(f"--{name}-fraction", f"expected more than 0 and at most 0.5, found {value}")


def assign_splits(pictures: list[Picture], fractions: Fractions, seed: int, groups: Sequence[Sequence[str]] = ()) -> list[Picture]:
    """Draws the splits that no picture has yet, test and then validation, from the training pictures.

    Within each class at least one picture goes to each split that is drawn. The pictures of a group (their sha256s) go to the same split,
    unless a class consists of fewer groups and single pictures than there are splits: then its groups are taken apart. So is one of which
    validation wants less than half, where there is none smaller: it would take from the training what it has to be learned by.
    """
    generator = np.random.default_rng(seed)
    wanted: tuple[tuple[Split, float], ...] = (("test", fractions.test), ("val", fractions.val))
    drawn = [(split, fraction) for split, fraction in wanted if not any(picture.split == split for picture in pictures)]
    units = _units(pictures, groups, len(drawn) + 1)
    for left, (split, fraction) in enumerate(drawn, start=1):
        chosen = _draw(units, fraction, len(drawn) + 1 - left, generator, apart=split == "val")
        units = {label: [unit for unit in units[label] if unit[0] not in chosen] for label in units}
        pictures = [replace(picture, split=split) if picture.sha256 in chosen else picture for picture in pictures]
    return pictures


Unit = tuple[str, ...]
"""The sha256s, sorted, of pictures that stay together."""


def _units(pictures: list[Picture], groups: Sequence[Sequence[str]], splits: int) -> dict[str, list[Unit]]:
    """What is drawn from, for each class: groups (with the class most of their pictures have) and pictures in none."""
    label = {picture.sha256: picture.label for picture in pictures if picture.split == "train"}
    whole = {tuple(sorted(label.keys() & set(group))) for group in groups} - {()}
    whole |= {(sha256,) for sha256 in label.keys() - {sha256 for unit in whole for sha256 in unit}}
    apart: set[str] = set()
    while True:
        units: dict[str, list[Unit]] = {name: [] for name in sorted(set(label.values()))}
        for unit in sorted(whole):
            labels = Counter(label[sha256] for sha256 in unit)
            if apart.isdisjoint(labels):
                units[max(sorted(labels), key=labels.__getitem__)].append(unit)
            else:
                for sha256 in unit:
                    units[label[sha256]].append((sha256,))
        scarce = {name for name in units if len(units[name]) < splits} - apart
        if not scarce:
            return {name: sorted(units[name]) for name in units}
        apart |= scarce


def _draw(units: dict[str, list[Unit]], fraction: float, splits_after: int, generator: np.random.Generator, *, apart: bool) -> set[str]:
    """The sha256s of about `fraction` of each class's pictures, and of no more than twice that of its units, but of at least one.

    So the single pictures of a class that is mostly one clip do not all leave the training. A unit larger than what is still wanted is
    passed over; where all are, the smallest is taken. With `apart`, of one more than twice too large only the part that is wanted.
    """
    drawn: set[str] = set()
    for label in sorted(units):
        shuffled = [units[label][index] for index in generator.permutation(len(units[label]))]
        wanted = whole = max(1, round(fraction * sum(map(len, shuffled))))
        at_most = min(max(1, round(2 * fraction * len(shuffled))), len(shuffled) - splits_after)
        taken: list[Unit] = []
        for unit in shuffled:
            if len(taken) < at_most and len(unit) <= wanted:
                taken.append(unit)
                wanted -= len(unit)
        if not taken and shuffled:
            smallest = min(shuffled, key=len)
            taken = [smallest[:whole] if apart and len(smallest) > 2 * whole else smallest]
        drawn.update(sha256 for unit in taken for sha256 in unit)
    return drawn
