"""Computes 95 % intervals of an accuracy and of the difference between two accuracies."""

import math
from collections.abc import Sequence

import numpy as np

from runtime.arrays import NDArray
from runtime.shared.wording import counted

Z95 = 1.959964
"""The 97.5 % point of the standard normal distribution."""
BOOTSTRAP_ROUNDS = 4000
MAX_DRAWN = 2**16
"""Objects that are drawn at once, in so many rounds as that makes."""


def wilson_interval(right: int, images: int) -> tuple[float, float]:
    """Returns the 95 % interval of an accuracy of `right` out of `images`, within 0..1.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927),
    209-212. Unlike accuracy ± 1.96 standard errors it keeps its width where every image is right.
    """
    share, z2 = right / images, Z95**2
    centre = (share + z2 / (2 * images)) / (1 + z2 / images)
    half = Z95 / (1 + z2 / images) * math.sqrt(share * (1 - share) / images + z2 / (4 * images**2))
    # Rounding may leave 1 of 1 just outside.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def paired_interval(lost: int, gained: int, images: int) -> tuple[float, float]:
    """Returns the 95 % interval of the accuracy drop between two models on the same images.

    `lost` images went from right to wrong, `gained` from wrong to right. The method is Agresti and
    Min's for matched pairs: half an image is added to each cell of the 2x2 table of right and
    wrong, then Wald ("Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24, 2005, 729-740).
    """
    n, b, c = images + 2, lost + 0.5, gained + 0.5
    centre = (b - c) / n
    half = Z95 * math.sqrt((b + c) - (b - c) ** 2 / n) / n
    return centre - half, centre + half


def accuracy_interval(right: NDArray[np.bool_], groups: Sequence[str]) -> tuple[float, float]:
    """Returns the 95 % interval of an accuracy, if the groups of images are a random sample.

    Args:
        right: (n,) whether each image is right.
        groups: (n,) the object that each image shows; an empty name is an object of its own.

    Images of one object are right or wrong together, so they say less than as many objects do. The
    interval is at least that of `wilson_interval`, for images that are all independent. Where all
    images are right or all are wrong, the objects count instead of the images.
    """
    low, high = wilson_interval(int(right.sum()), len(right))
    objects = count_objects(groups)
    if objects == len(right):
        return low, high
    if right.all() or not right.any():
        return wilson_interval(objects if right.all() else 0, objects)
    object_low, object_high = bootstrap_interval(right.astype(float), groups)
    return min(low, object_low), max(high, object_high)


def bootstrap_interval(values: NDArray[np.float64], groups: Sequence[str]) -> tuple[float, float]:
    """Returns the 95 % interval of the mean of (n,) values, drawn object by object.

    It is the percentile interval of the cluster bootstrap (Davison and Hinkley, "Bootstrap Methods
    and their Application", 1997, section 3.8). The draws are the same in each call.
    """
    keys = [group or index for index, group in enumerate(groups)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    members = np.array([numbers[key] for key in keys])
    sums, counts = np.bincount(members, values), np.bincount(members)
    generator = np.random.default_rng(0)
    means = []
    at_once = max(1, MAX_DRAWN // len(counts))
    for start in range(0, BOOTSTRAP_ROUNDS, at_once):
        rounds = min(at_once, BOOTSTRAP_ROUNDS - start)
        drawn = generator.integers(0, len(counts), (rounds, len(counts)))
        means.append(sums[drawn].sum(1) / counts[drawn].sum(1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def count_objects(groups: Sequence[str]) -> int:
    """Returns the number of different groups; each empty name is one of its own."""
    return len(set(groups) - {""}) + sum(not group for group in groups)


def counted_images(images: int, objects: int) -> str:
    """Returns, for example, "432 images of 18 objects", or "432 images" if each stands alone."""
    if objects == images:
        return counted(images, "image")
    return f"{images} images of {counted(objects, 'object')}"


def images_to_decide(max_drop: float) -> int | None:
    """Returns the fewest images whose interval ends at `max_drop` or below when no label changes.

    None means that no number is enough. `paired_interval` ends at Z95 / (n + 2) where nothing was
    lost or gained.
    """
    return math.ceil(Z95 / max_drop - 2) if max_drop > 0 else None
