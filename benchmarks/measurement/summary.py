"""Summarizes timed samples, and states no percentile that they are too few for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import comb

import numpy as np

from runtime.shared.wording import counted

PERCENTS = (90, 95, 99)
TAIL = 0.025
"""The probability beyond either end of a 95 % interval."""


@dataclass(frozen=True)
class Summary:
    """Describes `count` samples in ms. A percentile is None if no sample would lie above it."""

    count: int
    min_ms: float
    p50_ms: float
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float
    mean_ms: float

    @property
    def per_second(self) -> float:
        """Images a second, one after another."""
        return 1000 / self.mean_ms

    def __str__(self) -> str:
        percentiles = {f"p{percent}": getattr(self, f"p{percent}_ms") for percent in PERCENTS}
        high = "".join(
            f", {name} {short(value)}" for name, value in percentiles.items() if value is not None
        )
        spread = f"min {short(self.min_ms)}, mean {short(self.mean_ms)}, max {short(self.max_ms)}"
        count = counted(self.count, "sample")
        speed = f"{short(self.per_second)} images/s"
        return f"p50 {short(self.p50_ms)} ms{high}; {spread}; {count}, {speed}"


def summarize(samples_ms: Sequence[float]) -> Summary:
    """Returns the summary of at least one sample.

    p90 needs 10 samples, p95 20, p99 100. Percentiles between two samples are interpolated.
    """
    values = np.array(samples_ms, np.float64)
    p90, p95, p99 = (
        float(np.percentile(values, percent)) if len(values) * (100 - percent) >= 100 else None
        for percent in PERCENTS
    )
    return Summary(
        len(values),
        float(values.min()),
        float(np.median(values)),
        p90,
        p95,
        p99,
        float(values.max()),
        float(values.mean()),
    )


def interval_of_median(values: Sequence[float]) -> tuple[float, float]:
    """Returns the 95 % interval of the median of the distribution that `values` are drawn from.

    It needs at least 6 values and assumes no shape of the distribution. The ends are two of the
    values, because the number of values below the median is binomial with probability 1/2 (Conover,
    Practical Nonparametric Statistics, section 3.2).
    """
    count = len(values)
    tails = accumulate(comb(count, below) / 2**count for below in range(count))
    low = next(below for below, tail in enumerate(tails) if tail > TAIL) - 1
    ordered = sorted(values)
    return ordered[low], ordered[count - 1 - low]


def short(value: float) -> str:
    """Returns three significant digits, without an exponent."""
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"
