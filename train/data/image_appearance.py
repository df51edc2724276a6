"""Examines the appearance of the images of a data set: sizes, colour and near-duplicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runtime.system.lazy_loading import requires_extra
from train.data.decoded_cache import PixelCache
from workstation.run_folder import ImageRecord

GREY_SPREAD = 2
"""Of 255: a thumbnail whose channels nowhere differ by more is grey (conversions round by 1)."""
BLOCK_SIZE = 1000


@dataclass(frozen=True)
class ImageAppearance:
    """Describes images by the sha256 of their content.

    Near-duplicates have different content and look the same.

    sizes: (width, height) in pixels of the used region, from the header of the file.
    grey: the images without colour.
    groups: images that are near-duplicates of each other, directly or through images between them.
    pairs: for each image, one near-duplicate in each other class and each other split that a folder
        name sets, if there is any.
    distances: for each of `pairs`, the number of bits, 0 to 8, in which their hashes differ.
    """

    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    grey: frozenset[str] = frozenset()
    groups: tuple[tuple[str, ...], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    distances: tuple[int, ...] = ()


def examine_appearance(
    images: Sequence[ImageRecord], cache: PixelCache, sizes: Mapping[str, tuple[int, int]]
) -> ImageAppearance:
    """Examines the images that are not refused, by their thumbnails in `cache`.

    Raises:
        MachineError: the package imagehash is not installed.
    """
    part_of = {
        image.sha256: (image.split, image.label) for image in images if image.split != "refused"
    }
    sha256s = sorted(part_of)  # by content, so that names and places change nothing
    if not sha256s:
        return ImageAppearance(sizes)
    with requires_extra("train", "comparing images"):
        from train.data.near_duplicates import NearDuplicateSearch
    search = NearDuplicateSearch()
    grey: set[str] = set()
    for start in range(0, len(sha256s), BLOCK_SIZE):
        block = sha256s[start : start + BLOCK_SIZE]
        thumbnails = cache.thumbnails(block)
        grey.update(block[index] for index in np.flatnonzero(_is_grey(thumbnails)))
        search.add(thumbnails)
    numbers = {part: number for number, part in enumerate(sorted(set(part_of.values())))}
    groups, pairs = search.run(np.array([numbers[part_of[sha256]] for sha256 in sha256s]))
    return ImageAppearance(
        sizes,
        frozenset(grey),
        tuple(tuple(sha256s[index] for index in group) for group in groups),
        tuple((sha256s[left], sha256s[right]) for left, right in pairs),
        tuple(search.distances(pairs)),
    )


def _is_grey(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    spread = thumbnails.max(-1).astype(np.int16) - thumbnails.min(-1)
    return np.asarray(spread.max((1, 2)) <= GREY_SPREAD)
