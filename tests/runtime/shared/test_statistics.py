"""runtime.shared.statistics: intervals of an accuracy and of a drop, against published figures."""

from itertools import product
from math import comb
from statistics import NormalDist

import numpy as np
import pytest

from runtime.shared.statistics import (
    accuracy_interval,
    bootstrap_interval,
    count_objects,
    counted_images,
    paired_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_is_that_of_newcombes_table(
    right: int, images: int, low: float, high: float
) -> None:
    """The values are those of Newcombe, Statistics in Medicine 17 (1998), table I, method 3.

    "Two-sided confidence intervals for the single proportion".
    """
    assert wilson_interval(right, images) == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(images - right, images) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_interval_holds_the_accuracy_itself_when_all_images_are_right() -> None:
    assert all(wilson_interval(count, count)[1] == 1 for count in range(1, 200))
    assert all(wilson_interval(0, count)[0] == 0 for count in range(1, 200))


@pytest.mark.parametrize(
    ("lost", "gained", "images"), [(0, 0, 10), (1, 0, 1), (3, 1, 40), (0, 7, 100), (25, 25, 50)]
)
def test_interval_is_wald_on_the_table_with_half_an_image_in_each_cell(
    lost: int, gained: int, images: int
) -> None:
    """Each image counts +1 (lost), -1 (gained) or 0, and half an image is added to each."""
    change = np.array([1, -1, 0])
    weights = np.array([lost + 0.5, gained + 0.5, images - lost - gained + 1])
    mean = np.average(change, weights=weights)
    error = np.sqrt(np.average((change - mean) ** 2, weights=weights) / weights.sum())
    z = NormalDist().inv_cdf(0.975)
    assert paired_interval(lost, gained, images) == pytest.approx(
        (mean - z * error, mean + z * error), abs=1e-7
    )


def test_interval_of_a_published_table() -> None:
    """Agresti, Categorical Data Analysis, table 10.1: 1600 voters, 0.040 +- 1.96 * 0.0095."""
    assert paired_interval(150, 86, 1600) == pytest.approx((0.0214, 0.0586), abs=5e-4)


@pytest.mark.parametrize(("loses", "gains"), [(0.02, 0.02), (0.1, 0.05), (0.3, 0.1), (0.2, 0.2)])
def test_interval_covers_the_true_drop_about_95_times_in_100(loses: float, gains: float) -> None:
    """Exact: the probability of every table of 40 images whose interval holds the true drop."""
    n, covered = 40, 0.0
    for lost, gained in product(range(n + 1), range(n + 1)):
        if lost + gained <= n:
            low, high = paired_interval(lost, gained, n)
            ways = comb(n, lost) * comb(n - lost, gained)
            covered += (
                (low <= loses - gains <= high)
                * ways
                * loses**lost
                * gains**gained
                * (1 - loses - gains) ** (n - lost - gained)
            )
    assert 0.93 < covered <= 1


def test_interval_narrows_with_more_images_and_never_vanishes() -> None:
    widths = [
        high - low for low, high in (paired_interval(0, 0, count) for count in (1, 10, 100, 10_000))
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 0


def test_interval_over_objects_is_wider_where_their_images_are_right_together() -> None:
    """Ten objects of 40 images: the spread is that of ten draws, not of 400."""
    groups = [f"object {number // 40}" for number in range(400)]
    right = np.repeat([True] * 8 + [False] * 2, 40)
    low, high = accuracy_interval(right, groups)
    assert low == pytest.approx(0.5, abs=0.051)
    assert high == 1.0
    assert accuracy_interval(right, [""] * 400) == wilson_interval(320, 400)


def test_interval_over_objects_is_never_narrower_than_over_images() -> None:
    """Objects that are all right to the same part would make the bootstrap's interval empty."""
    groups = [f"object {number // 4}" for number in range(40)]
    right = np.tile([True, True, True, False], 10)
    assert accuracy_interval(right, groups) == wilson_interval(30, 40)


def test_where_everything_is_right_the_objects_count() -> None:
    groups = [f"object {number % 18}" for number in range(432)]
    assert accuracy_interval(np.ones(432, bool), groups) == wilson_interval(18, 18)
    assert accuracy_interval(np.zeros(432, bool), groups) == wilson_interval(0, 18)


def test_bootstrap_holds_the_mean_in_19_of_20_cases() -> None:
    """Of 30 objects with 5 images each; the percentile bootstrap is a little too narrow."""
    generator = np.random.default_rng(1)
    groups = [f"object {number // 5}" for number in range(150)]
    held = 0
    for _ in range(40):
        means = generator.beta(4, 2, 30)
        low, high = bootstrap_interval(
            (generator.random(150) < np.repeat(means, 5)).astype(float), groups
        )
        held += low <= 4 / 6 <= high
    assert 34 <= held <= 40


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        (["a", "a", "", "b", ""], "5 images of 4 objects"),
        (["", ""], "2 images"),
        (["a"], "1 image"),
    ],
)
def test_objects_are_counted_and_images_without_one_count_each(
    groups: list[str], text: str
) -> None:
    assert counted_images(len(groups), count_objects(groups)) == text
