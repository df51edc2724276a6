"""A seeded, stratified split by content: copies of one picture stay together, and moving or renaming files changes nothing."""

from collections import defaultdict
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


def assign_splits(pictures: list[Picture], fractions: Fractions, seed: int) -> list[Picture]:
    """Draws the splits that no picture has yet, test and then validation, from the training pictures.

    Within each class at least one picture goes to each split that is drawn.
    """
    generator = np.random.default_rng(seed)
    wanted: tuple[tuple[Split, float], ...] = (("test", fractions.test), ("val", fractions.val))
    for split, fraction in wanted:
        if not any(picture.split == split for picture in pictures):
            pictures = _draw(pictures, split, fraction, generator)
    return pictures


def _draw(pictures: list[Picture], split: Split, fraction: float, generator: np.random.Generator) -> list[Picture]:
    contents: defaultdict[str, set[str]] = defaultdict(set)
    for picture in pictures:
        if picture.split == "train":
            contents[picture.label].add(picture.sha256)
    drawn: set[str] = set()
    for label in sorted(contents):
        shuffled = generator.permutation(sorted(contents[label]))
        drawn.update(shuffled[: max(1, round(fraction * len(shuffled)))])
    return [replace(picture, split=split) if picture.split == "train" and picture.sha256 in drawn else picture for picture in pictures]
