"""Tests the summary of timed samples."""

from math import comb

import pytest

from benchmarks.measurement.summary import interval_of_median, short, summarize


def test_summary_is_of_the_samples_in_any_order() -> None:
    summary = summarize([float(n) for n in range(101, 0, -1)])
    assert (
        summary.count,
        summary.min_ms,
        summary.p50_ms,
        summary.p90_ms,
        summary.p99_ms,
        summary.max_ms,
    ) == (101, 1, 51, 91, 100, 101)
    assert summary.mean_ms == 51
    assert summary.per_second == pytest.approx(1000 / 51)


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (1, ""),
        (9, ""),
        (10, "p90"),
        (19, "p90"),
        (20, "p90 p95"),
        (99, "p90 p95"),
        (100, "p90 p95 p99"),
    ],
)
def test_percentile_is_not_claimed_of_too_few_samples(count: int, known: str) -> None:
    summary = summarize([1.0] * count)
    assert (
        " ".join(
            name for name in ("p90", "p95", "p99") if getattr(summary, f"{name}_ms") is not None
        )
        == known
    )
    assert ("p95" in str(summary)) == ("p95" in known)


def test_short_has_three_digits_and_no_exponent() -> None:
    assert [short(value) for value in (0.01234, 1.0, 12.345, 999.4, 999.6, 19934.2)] == [
        "0.0123",
        "1",
        "12.3",
        "999",
        "1000",
        "19934",
    ]


@pytest.mark.parametrize("count", [6, 8, 15, 16, 33, 60, 120])
def test_interval_of_a_median_is_a_95_percent_one(count: int) -> None:
    """The exact probability: of `count` values, those below the median are binomial with 1/2."""
    low, high = interval_of_median([float(value) for value in reversed(range(count))])
    assert low + high == count - 1
    covered = sum(comb(count, below) for below in range(int(low) + 1, int(high) + 1)) / 2**count
    assert 0.95 <= covered <= 0.993
