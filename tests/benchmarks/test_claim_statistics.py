"""benchmarks.claims.harness_honest: the interval of a median holds the median as often as it says."""

from math import comb

import pytest

from benchmarks.claims.harness_honest import interval_of_median


@pytest.mark.parametrize("count", [6, 8, 15, 16, 33, 60, 120])
def test_interval_of_a_median_is_a_95_percent_one(count: int) -> None:
    """The exact probability: of `count` values, those below the median are binomial with 1/2."""
    low, high = interval_of_median([float(value) for value in reversed(range(count))])
    assert low + high == count - 1
    covered = sum(comb(count, below) for below in range(int(low) + 1, int(high) + 1)) / 2**count
    assert 0.95 <= covered <= 0.993
