"""Timed samples and what may be said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import comb

import numpy as np

PERCENTS = (90, 95, 99)
TAIL = 0.025
"""Of the binomial distribution, beyond either end of a 95 % interval."""


@dataclass(frozen=True)
class Summary:
    """Of `count` samples in ms. A percentile is None where the samples are too few to know it: none would lie above it."""

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
        """Pictures a second, one after another."""
        return 1000 / self.mean_ms

    def __str__(self) -> str:
        known = ((percent, getattr(self, f"p{percent}_ms")) for percent in PERCENTS)
        percentiles = "".join(f", p{percent} {short(value)}" for percent, value in known if value is not None)
        spread = f"min {short(self.min_ms)}, mean {short(self.mean_ms)}, max {short(self.max_ms)}"
        count = f"{self.count} sample{'' if self.count == 1 else 's'}"
        return f"p50 {short(self.p50_ms)} ms{percentiles}; {spread}; {count}, {short(self.per_second)} pictures/s"


def summarise(samples_ms: Sequence[float]) -> Summary:
    """The summary of at least one sample. p90 needs 10 samples, p95 20, p99 100; between two samples they are interpolated."""
    values = np.array(samples_ms, np.float64)
    tails = {p: float(np.percentile(values, p)) if len(values) * (100 - p) >= 100 else None for p in PERCENTS}
    median, mean = float(np.median(values)), float(values.mean())
    return Summary(len(values), float(values.min()), median, tails[90], tails[95], tails[99], float(values.max()), mean)


def interval_of_median(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the median of what `values` (at least 6) are drawn from, whatever its distribution: two of the values, since how
    many lie below the median is binomial with 1/2 (Conover, Practical Nonparametric Statistics, section 3.2)."""
    count = len(values)
    tails = accumulate(comb(count, below) / 2**count for below in range(count))
    low = next(below for below, tail in enumerate(tails) if tail > TAIL) - 1
    ordered = sorted(values)
    return ordered[low], ordered[count - 1 - low]


def short(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"
