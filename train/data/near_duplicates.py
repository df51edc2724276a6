"""Finds near-duplicates among images.

They are re-encoded, brightened or slightly shifted copies, and neighbouring frames of one clip.

Two images are near-duplicates if all three hold for their 32x32 thumbnails:

- their perceptual hashes (pHash, 64 bits) differ in at most 8 bits;
- their colours at 16x16, minus the mean, correlate by at least 0.98;
- the differences between neighbouring pixels at 16x16 correlate by at least 0.975.

Neither a hash alone nor one of the correlations is enough. The table has, for three data sets, the
number of images in groups, the size of the largest group, and the fraction of 200 images that was
found again after a shift by one pixel. Copies re-encoded as JPEG of quality 70 were always found.

    rule                    ELPV (2,624)        fruits360-16 (4,800)        grocery-fruit (2,370)
    pHash <= 8              1,293   664  100 %  4,800 (4,795 in one)  98 %  24   2  100 %
    dHash <= 6              1,470   942   99 %  4,797 (4,657 in one)  99 %  20   2  100 %
    colour >= 0.98          1,003   189  100 %  4,797           434  100 %   6   2  100 %
    pHash <= 8 and colour     744    55  100 %  4,796           434   98 %   6   2  100 %
    all three                 727    55  100 %  4,623           151   98 %   2   2  100 %

In fruits360-16 (frames of turning fruits on white) pHash alone makes 23,631 pairs of fruits of
different classes; all three rules together make none. An image brightened by 1.2 is found in 95 %
(ELPV, where much of it is then white), 100 % and 100 % of cases; an image cut by 3 % on each side
is never found. Images of one flat colour are no near-duplicates of anything.
"""

from collections.abc import Iterator, Sequence

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from runtime.shared.progress import Progress

MAX_BITS, MIN_COLOUR, MIN_STEPS = 8, 0.98, 0.975
SIDE = 16
ROWS, PAIRS = 256, 4096
"""How many images are compared with all others at once, in 40 MB, and how many pairs by their
pixels, in 150 MB."""

IntArray = NDArray[np.int64]


class NearDuplicateSearch:
    """Takes thumbnails block by block, keeps 1.5 kB of each, then compares them all."""

    def __init__(self) -> None:
        self._hashes: list[NDArray[np.uint64]] = []
        self._pixels: list[NDArray[np.uint16]] = []

    def __len__(self) -> int:
        return sum(map(len, self._hashes))

    def add(self, thumbnails: NDArray[np.uint8]) -> None:
        """Adds (n, 32, 32, 3) uint8 RGB thumbnails."""
        bits = [
            np.packbits(imagehash.phash(Image.fromarray(thumbnail)).hash)
            for thumbnail in thumbnails
        ]
        self._hashes.append(np.stack(bits).view(np.uint64)[:, 0])
        shrink = thumbnails.shape[1] // SIDE
        self._pixels.append(
            thumbnails.reshape(len(thumbnails), SIDE, shrink, SIDE, shrink, 3).sum(
                (2, 4), dtype=np.uint16
            )
        )

    def run(self, parts: IntArray) -> tuple[list[list[int]], list[tuple[int, int]]]:
        """Returns the groups and the pairs of near-duplicates, as indices in the order of adding.

        A group has two or more images, connected by near-duplicates. The images of a pair are in
        different `parts` (one number for each image). If an image has near-duplicates in another
        part, at least one pair joins it to that part. A pair that adds nothing new is not compared,
        so 20,000 frames of a camera that does not move take no more time and memory than others.
        """
        hashes, pixels = np.concatenate(self._hashes), np.concatenate(self._pixels)
        group = np.arange(len(hashes))
        is_paired = np.zeros((len(hashes), parts.max() + 1), bool)
        pairs: list[tuple[int, int]] = []
        for left, right in _candidates(hashes):
            joins_groups = group[left] != group[right]
            joins_parts = parts[left] != parts[right]
            both_paired = is_paired[left, parts[right]] & is_paired[right, parts[left]]
            is_new = joins_groups | (joins_parts & ~both_paired)
            left, right = left[is_new], right[is_new]
            if not len(left):
                continue
            alike = _alike(pixels[left], pixels[right])
            left, right = left[alike], right[alike]
            is_paired[left, parts[right]] = is_paired[right, parts[left]] = True
            across = parts[left] != parts[right]
            pairs += zip(left[across].tolist(), right[across].tolist(), strict=True)
            edges = (np.ones(len(left), bool), (group[left], group[right]))
            graph = coo_matrix(edges, (len(group), len(group)))
            group = connected_components(graph, directed=False)[1][group]
        order = np.argsort(group, kind="stable")
        members = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
        return sorted(part.tolist() for part in members if len(part) > 1), sorted(pairs)

    def distances(self, pairs: Sequence[tuple[int, int]]) -> list[int]:
        """Returns for each pair the number of bits in which the perceptual hashes differ."""
        hashes = np.concatenate(self._hashes)
        left, right = np.array(pairs, int).reshape(-1, 2).T
        distances: list[int] = np.bitwise_count(hashes[left] ^ hashes[right]).tolist()
        return distances


def _candidates(hashes: NDArray[np.uint64]) -> Iterator[tuple[IntArray, IntArray]]:
    """Yields the indices of images with similar hashes, each pair once, the lower index first."""
    with Progress("compare images", len(hashes)) as bar:
        for start in range(0, len(hashes), ROWS):
            block = hashes[start : start + ROWS]
            bits = np.bitwise_count(block[:, None] ^ hashes[start:])
            left, right = np.nonzero(bits <= MAX_BITS)
            is_first = left < right
            left, right = left[is_first] + start, right[is_first] + start
            for first in range(0, len(left), PAIRS):
                yield left[first : first + PAIRS], right[first : first + PAIRS]
            bar.advance(len(block))


def _alike(left: NDArray[np.uint16], right: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Returns which rows of (n, 16, 16, 3) pixels correlate, both in colours and in steps."""
    left_pixels, right_pixels = left.astype(np.float64), right.astype(np.float64)
    alike = _correlate(_flat(left_pixels), _flat(right_pixels), MIN_COLOUR)
    alike[alike] = _correlate(_steps(left_pixels[alike]), _steps(right_pixels[alike]), MIN_STEPS)
    return alike


def _correlate(
    left: NDArray[np.float64], right: NDArray[np.float64], min_correlation: float
) -> NDArray[np.bool_]:
    """Returns which rows correlate by `min_correlation` or more.

    All sums are of integers below 2**53, hence exact, so that every machine decides alike.
    """
    count = left.shape[1]
    left_sum, right_sum = left.sum(1), right.sum(1)
    covariance = count * np.einsum("ij,ij->i", left, right) - left_sum * right_sum
    left_variance = count * np.einsum("ij,ij->i", left, left) - left_sum**2
    right_variance = count * np.einsum("ij,ij->i", right, right) - right_sum**2
    bound = min_correlation * np.sqrt(left_variance) * np.sqrt(right_variance)
    return np.asarray((left_variance > 0) & (right_variance > 0) & (covariance >= bound))


def _flat(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return pixels.reshape(len(pixels), np.prod(pixels.shape[1:], dtype=int))


def _steps(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([_flat(np.diff(pixels, axis=1)), _flat(np.diff(pixels, axis=2))], axis=1)
