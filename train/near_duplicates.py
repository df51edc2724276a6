"""Finds near-duplicates: re-encoded, brightened or slightly shifted copies, and neighbouring frames of one clip.

Two pictures are near-duplicates if all three hold for their 32x32 thumbnails:

- their perceptual hashes (pHash, 64 bits) differ in at most 8 bits;
- their colours at 16x16, less the mean, correlate by at least 0.98;
- the steps between neighbouring pixels of these correlate by at least 0.975.

No hash alone will do, nor one of the correlations. Measured on three sets: how many pictures fall into groups, the largest group, and the
part of 200 pictures that was found again after a shift by one pixel; re-encoding as JPEG of quality 70 was always found.

    rule                    ELPV (2,624)        fruits360-16 (4,800)        grocery-fruit (2,370)
    pHash <= 8              1,293   664  100 %  4,800 (4,795 in one)  98 %  24   2  100 %
    dHash <= 6              1,470   942   99 %  4,797 (4,657 in one)  99 %  20   2  100 %
    colour >= 0.98          1,003   189  100 %  4,797           434  100 %   6   2  100 %
    pHash <= 8 and colour     744    55  100 %  4,796           434   98 %   6   2  100 %
    all three                 727    55  100 %  4,623           151   98 %   2   2  100 %

Of fruits360-16 (frames of turning fruits on white) pHash alone pairs 23,631 times two fruits of different classes, all three never.
A picture brightened by 1.2 is found in 95 % (ELPV, where much of it is then white), 100 % and 100 %; one cut by 3 % on each side never.
Pictures of one flat colour are no near-duplicates of anything.
"""

from collections.abc import Iterator

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from runtime.progress import Progress

MAX_BITS, MIN_COLOUR, MIN_STEPS = 8, 0.98, 0.975
SIDE = 16
ROWS, PAIRS = 256, 4096
"""How many pictures are compared with all others at once, and how many pairs by their pixels: 40 and 150 MB."""

Numbers = NDArray[np.int64]


class Search:
    """Takes thumbnails block by block, keeping 1.5 kB of each, then compares them all."""

    def __init__(self) -> None:
        self._hashes: list[NDArray[np.uint64]] = []
        self._pixels: list[NDArray[np.uint16]] = []

    def __len__(self) -> int:
        return sum(map(len, self._hashes))

    def add(self, thumbnails: NDArray[np.uint8]) -> None:
        """Takes (n, 32, 32, 3) uint8 RGB thumbnails."""
        bits = [np.packbits(imagehash.phash(Image.fromarray(thumbnail)).hash) for thumbnail in thumbnails]
        self._hashes.append(np.stack(bits).view(np.uint64)[:, 0])
        shrink = thumbnails.shape[1] // SIDE
        self._pixels.append(thumbnails.reshape(len(thumbnails), SIDE, shrink, SIDE, shrink, 3).sum((2, 4), dtype=np.uint16))

    def run(self, kinds: Numbers) -> tuple[list[list[int]], list[tuple[int, int]]]:
        """Groups, connected by near-duplicates, of two and more; and pairs of near-duplicates of different `kinds`, one number a picture.

        Of the pairs between two kinds, each picture has at least one, if there is any. A pair that would tell nothing new is not compared,
        so that 20,000 frames of a camera that stands still take no longer, and no more memory, than others.
        """
        hashes, pixels = np.concatenate(self._hashes), np.concatenate(self._pixels)
        group = np.arange(len(hashes))
        told = np.zeros((len(hashes), kinds.max() + 1), bool)
        pairs: list[tuple[int, int]] = []
        for one, other in _candidates(hashes):
            new = (group[one] != group[other]) | ((kinds[one] != kinds[other]) & ~(told[one, kinds[other]] & told[other, kinds[one]]))
            one, other = one[new], other[new]
            if not len(one):
                continue
            alike = _alike(pixels[one], pixels[other])
            one, other = one[alike], other[alike]
            told[one, kinds[other]] = told[other, kinds[one]] = True
            pairs += [(int(a), int(b)) for a, b in zip(one, other, strict=True) if kinds[a] != kinds[b]]
            graph = coo_matrix((np.ones(len(one), bool), (group[one], group[other])), (len(group), len(group)))
            group = connected_components(graph, directed=False)[1][group]
        order = np.argsort(group, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
        return sorted(part.tolist() for part in parts if len(part) > 1), sorted(pairs)


def _candidates(hashes: NDArray[np.uint64]) -> Iterator[tuple[Numbers, Numbers]]:
    """Indices of pictures with near hashes, each pair once."""
    with Progress("compare pictures", len(hashes)) as bar:
        for start in range(0, len(hashes), ROWS):
            block = hashes[start : start + ROWS]
            one, other = np.nonzero(np.bitwise_count(block[:, None] ^ hashes[start:]) <= MAX_BITS)
            one, other = (part[one < other] + start for part in (one, other))
            for first in range(0, len(one), PAIRS):
                yield one[first : first + PAIRS], other[first : first + PAIRS]
            bar.advance(len(block))


def _alike(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Which of (n, 16, 16, 3) pixels and their counterparts correlate, both as they are and in their steps."""
    left, right = one.astype(np.float64), other.astype(np.float64)
    alike = _correlate(_flat(left), _flat(right), MIN_COLOUR)
    alike[alike] = _correlate(_steps(left[alike]), _steps(right[alike]), MIN_STEPS)
    return alike


def _correlate(left: NDArray[np.float64], right: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Whether rows correlate by `least` or more. The sums are of integers below 2**53, hence exact: every machine decides alike."""
    count = left.shape[1]
    total, other_total = left.sum(1), right.sum(1)
    common = count * np.einsum("ij,ij->i", left, right) - total * other_total
    spread = count * np.einsum("ij,ij->i", left, left) - total**2
    other_spread = count * np.einsum("ij,ij->i", right, right) - other_total**2
    return np.asarray((spread > 0) & (other_spread > 0) & (common >= least * np.sqrt(spread) * np.sqrt(other_spread)))


def _flat(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return pixels.reshape(len(pixels), np.prod(pixels.shape[1:], dtype=int))


def _steps(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([_flat(np.diff(pixels, axis=1)), _flat(np.diff(pixels, axis=2))], axis=1)
