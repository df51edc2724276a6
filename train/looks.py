"""What the pictures of a data set look like, beside their class: sizes, colour, and which are near-duplicates of which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runtime.plugins import Plugin
from runtime.run_folder import Picture
from train.cache import PixelCache

GREY_SPREAD = 2
"""Of 255: a thumbnail whose channels differ by no more anywhere is grey (conversions round by 1)."""
BLOCK = 1000


@dataclass(frozen=True)
class Looks:
    """By the sha256 of a picture's content. Near-duplicates have different content and look the same.

    sizes: (width, height) in pixels, as the file's header says; grey: those without colour; groups: near-duplicates of each other, or of
    one between; pairs: for each picture, one near-duplicate of each other class and each other given split that it has any in.
    """

    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    grey: frozenset[str] = frozenset()
    groups: tuple[tuple[str, ...], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


def look_at(pictures: Sequence[Picture], cache: PixelCache, sizes: Mapping[str, tuple[int, int]]) -> Looks:
    """The looks of those pictures that are not refused, whose thumbnails are in `cache`.

    Raises:
        MachineError: the package imagehash is not installed.
    """
    kinds = {picture.sha256: (picture.split, picture.label) for picture in pictures if picture.split != "refused"}
    sha256s = sorted(kinds)  # by content, so that names and places change nothing
    if not sha256s:
        return Looks(sizes)
    numbers = {kind: number for number, kind in enumerate(sorted(set(kinds.values())))}
    thumbnails = (cache.thumbnails(sha256s[start : start + BLOCK]) for start in range(0, len(sha256s), BLOCK))
    searched = Plugin("train.near_duplicates:Search", extra="train").load()()
    grey: set[str] = set()
    for block in thumbnails:
        grey.update(sha256s[len(searched) + index] for index in np.flatnonzero(_is_grey(block)))
        searched.add(block)
    groups, pairs = searched.run(np.array([numbers[kinds[sha256]] for sha256 in sha256s]))
    named = [tuple(sha256s[index] for index in group) for group in groups]
    return Looks(sizes, frozenset(grey), tuple(named), tuple((sha256s[one], sha256s[other]) for one, other in pairs))


def _is_grey(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    spread = thumbnails.max(-1).astype(np.int16) - thumbnails.min(-1)
    return np.asarray(spread.max((1, 2)) <= GREY_SPREAD)
