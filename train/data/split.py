"""Draws a seeded, stratified split by content, so that moving or renaming files changes nothing.

Copies and the images of a group stay together (train.data.groups).
"""

from collections import Counter, defaultdict
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import NamedTuple

import numpy as np

from runtime.errors import InputRefused
from runtime.inbox.names import reason_of
from train.data.groups import is_object
from workstation.run_folder import ImageRecord, Split


class SplitUnit(NamedTuple):
    """Holds the sha256s, sorted, of images that stay together; `whole`: of one object."""

    sha256s: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True)
class SplitFractions:
    """Sets the fraction of each class for testing, and of the other images for validation.

    A fraction is not used if a folder name sets that split.
    """

    test: float = 0.2
    val: float = 0.1

    def __post_init__(self) -> None:
        for name, value in (("test", self.test), ("val", self.val)):
            if not 0 < value <= 0.5:
                raise InputRefused(
                    f"--{name}-fraction", f"expected more than 0 and at most 0.5, found {value}"
                )


def assign_splits(
    images: list[ImageRecord], fractions: SplitFractions, seed: int
) -> list[ImageRecord]:
    """Draws the splits that no image has yet, test and then validation, from the training images.

    Groups with an image that `quince run collect` kept by chance are drawn first for testing: the
    others show what was hard for an older model.

    Each class gives at least one image to each split that is drawn. The images of a group go to the
    same split, with two exceptions. If a class has too few units (groups and single images), its
    groups are taken apart: fewer than there are splits, or, where it has objects, fewer than leave
    one object for training after the test split and two after validation. If the smallest unit of a
    class is more than twice too large for validation and is no object, it is taken apart too;
    otherwise it would take from the training the images that the class is learned from.
    """
    generator = np.random.default_rng(seed)
    split_fractions: tuple[tuple[Split, float], ...] = (
        ("test", fractions.test),
        ("val", fractions.val),
    )
    to_draw = [
        (split, fraction)
        for split, fraction in split_fractions
        if not any(image.split == split for image in images)
    ]
    taken_apart: set[str] = set()
    by_chance = {
        image.sha256 for image in images if reason_of(PurePath(image.path).name) == "random"
    }
    for number, (split, fraction) in enumerate(to_draw, start=1):
        splits_after = len(to_draw) + 1 - number
        objects_after = 1 if split == "test" else 2
        units = _units(images, splits_after, objects_after, taken_apart)
        first = by_chance if split == "test" else frozenset[str]()
        drawn = _draw(units, fraction, splits_after, generator, first, apart=split == "val")
        images = [
            replace(image, split=split) if image.sha256 in drawn else image for image in images
        ]
    return images


def _units(
    images: list[ImageRecord], splits_after: int, objects_after: int, taken_apart: set[str]
) -> dict[str, list[SplitUnit]]:
    """Returns the units to draw from, by class: groups, and images that are in no group.

    A group belongs to the class of most of its images. Adds to `taken_apart` the classes that have
    too few units.
    """
    training = [image for image in images if image.split == "train"]
    label_of = {image.sha256: image.label for image in training}
    members: defaultdict[str, set[str]] = defaultdict(set)
    for image in training:
        members[image.group or image.sha256].add(image.sha256)
    has_objects = {image.label for image in training if is_object(image.group)}
    while True:
        by_label: dict[str, list[SplitUnit]] = {
            label: [] for label in sorted(set(label_of.values()))
        }
        for group, sha256s in members.items():
            unit = SplitUnit(tuple(sorted(sha256s)), is_object(group))
            labels = Counter(label_of[sha256] for sha256 in unit.sha256s)
            if taken_apart.isdisjoint(labels):
                by_label[max(sorted(labels), key=labels.__getitem__)].append(unit)
            else:
                for sha256 in unit.sha256s:
                    by_label[label_of[sha256]].append(SplitUnit((sha256,)))
        scarce = {
            label
            for label, units in by_label.items()
            if len(units) < 1 + (objects_after if label in has_objects else splits_after)
        } - taken_apart
        if not scarce:
            return {label: sorted(units) for label, units in by_label.items()}
        taken_apart |= scarce


def _draw(
    units: dict[str, list[SplitUnit]],
    fraction: float,
    splits_after: int,
    generator: np.random.Generator,
    first: Set[str],
    *,
    apart: bool,
) -> set[str]:
    """Returns the sha256s of about `fraction` of the images of each class, at least one unit.

    Units with an image of `first` come first.
    At most twice that fraction of the units is drawn, so that the single images of a class that is
    mostly one clip do not all leave the training. A unit larger than the number of images still
    missing is skipped; if all units are, the smallest is taken. With `apart`, only the missing part
    is taken of a unit that is more than twice too large.
    """
    drawn: set[str] = set()
    for label in sorted(units):
        shuffled = [units[label][index] for index in generator.permutation(len(units[label]))]
        shuffled.sort(key=lambda unit: first.isdisjoint(unit.sha256s))
        target = max(1, round(fraction * sum(len(unit.sha256s) for unit in shuffled)))
        max_units = min(max(1, round(2 * fraction * len(shuffled))), len(shuffled) - splits_after)
        missing = target
        taken: list[SplitUnit] = []
        for unit in shuffled:
            if len(taken) < max_units and len(unit.sha256s) <= missing:
                taken.append(unit)
                missing -= len(unit.sha256s)
        if not taken and shuffled:
            smallest = min(shuffled, key=lambda unit: len(unit.sha256s))
            if apart and not smallest.whole and len(smallest.sha256s) > 2 * target:
                smallest = SplitUnit(smallest.sha256s[:target])
            taken = [smallest]
        drawn.update(sha256 for unit in taken for sha256 in unit.sha256s)
    return drawn
