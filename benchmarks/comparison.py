"""Is one latency longer than another, and how surely: the ratio of medians with an interval."""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency_report import LatencyReport
from benchmarks.measured import Measurement, label, label_with_threads
from benchmarks.samples import interval_of_median, short
from runtime import cli
from runtime.errors import InputRefused

RESAMPLES, SEED = 2000, 7
PARTS = 20
"""In which they are drawn: at once, they would need 160 MB."""
MOST_POINTS = 5000
"""Of a longer series so many, evenly spread, are resampled."""
LEAST_SAMPLES = 20
"""With fewer an interval says nothing."""


@dataclass(frozen=True)
class Ratio:
    """`new` median over `old` one, with its 95 % interval: above 1 is slower."""

    what: str
    old_ms: float
    new_ms: float
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        verdict = "no difference shown" if self.low <= 1 <= self.high else "slower" if self.ratio > 1 else "faster"
        interval = f"(95 % interval {self.low:.3f} to {self.high:.3f})"
        figures = f"{short(self.old_ms)} -> {short(self.new_ms)} ms, ratio {self.ratio:.3f} {interval}: {verdict}"
        return cli.printable(f"{self.what}: {figures}")


def compare(old: LatencyReport, new: LatencyReport, names: tuple[str, str]) -> tuple[Ratio, ...]:
    """The ratio of every model file and thread count that both reports have.

    Args:
        old: the one to compare with.
        new: the one in question.
        names: what errors call them.

    Raises:
        InputRefused: other boards, processors, governors or models, or nothing in common.
    """
    both = f"{names[0]} and {names[1]}"
    if old.pair_loads or new.pair_loads:
        raise InputRefused(both, "cannot be compared: in one of them two models shared a process (--pair)")
    for (what, one), (_, other) in zip(_identity(old), _identity(new), strict=True):
        if one != other:
            raise InputRefused(both, f"cannot be compared: {what} {_shown(one)} and {_shown(other)}")
    sides = [_by_key(report) for report in (old, new)]
    keys = [key for key in sides[0] if key in sides[1]]
    if not keys:
        raise InputRefused(both, f"cannot be compared: {_nothing_in_common(old, new)}")
    for key in keys:
        if (fewest := min(side[key].summary.count for side in sides)) < LEAST_SAMPLES:
            what = f"{fewest} sample{'' if fewest == 1 else 's'} of {sides[0][key].artifact}"
            raise InputRefused(both, f"cannot be compared: {what}; an interval needs {LEAST_SAMPLES}")
    return tuple(_ratio(label_with_threads(sides[1][key], new.measurements), sides[0][key], sides[1][key]) for key in keys)


def in_one_only(old: LatencyReport, new: LatencyReport) -> tuple[list[str], list[str]]:
    """What `compare` leaves out: the model files and thread counts that the other report does not have."""
    sides = [_by_key(report) for report in (old, new)]
    only = (
        [label_with_threads(one, report.measurements) for key, one in mine.items() if key not in others]
        for report, mine, others in zip((old, new), sides, sides[::-1], strict=True)
    )
    first, second = only
    return first, second


def _by_key(report: LatencyReport) -> dict[tuple[str, int, int], Measurement]:
    """The measurements by model and thread count; the third number tells apart those of one model that lies in several bundles."""
    found: dict[tuple[str, int, int], Measurement] = {}
    for one in report.measurements:
        same = sum(key[:2] == (one.sha256, one.threads) for key in found)
        found[one.sha256, one.threads, same] = one
    return found


def _nothing_in_common(old: LatencyReport, new: LatencyReport) -> str:
    for one in old.measurements:
        for other in new.measurements:
            if one.artifact == other.artifact and one.sha256 != other.sha256:
                found = f"{one.artifact} is another model (sha256 {one.sha256[:12]}... and {other.sha256[:12]}...)"
                return f"{found}; measure both in one run with latency --pair"
    listed = ["; ".join(label_with_threads(one, report.measurements) for one in report.measurements) for report in (old, new)]
    return f"they have no model and number of threads in common: {listed[0]} in one, {listed[1]} in the other"


def _identity(report: LatencyReport) -> list[tuple[str, object]]:
    """What two reports must have in common, by name."""
    machine = report.before.machine
    governors = ", ".join(sorted(set(machine.governors))) or None
    cores = ("cores allowed", machine.cores_allowed)
    return [("board", machine.board), ("processor", machine.cpu_model), cores, ("governor", governors)]


def compare_pair(report: LatencyReport) -> Ratio:
    """Of two models measured in turn the second against the first: the median of the ratios of the processes, and its interval.

    Each process loads both anew. Samples of one process share where their model lies in memory, so that an interval from them would be
    too narrow: of two copies of one file it said "slower" or "faster" as often as not.
    """
    old, new = report.measurements
    ends = np.cumsum(report.pair_loads)[:-1]
    sides = [np.split(np.array(one.samples_ms), ends) for one in (old, new)]
    ratios = [float(np.median(after) / np.median(before)) for before, after in zip(*sides, strict=True)]
    low, high = interval_of_median(ratios)
    what = f"{label(new, report.measurements)} against {label(old, report.measurements)}"
    return Ratio(what, old.summary.p50_ms, new.summary.p50_ms, float(np.median(ratios)), low, high)


def _ratio(what: str, old: Measurement, new: Measurement) -> Ratio:
    sides = np.array(old.samples_ms), np.array(new.samples_ms)
    low, high = interval(*sides)
    before, after = (float(np.median(side)) for side in sides)
    return Ratio(what, before, after, after / before, low, high)


def interval(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of median(new) / median(old), by the circular block bootstrap, seeded.

    Neighbouring samples are alike (a busy moment lasts for many), so that blocks of sqrt(n) are drawn, not single ones: Politis and
    Romano, "A circular block-resampling procedure for stationary data", 1992.
    """
    generator = np.random.default_rng(SEED)
    first = _medians(old, generator)
    second = _medians(new, generator)
    low, high = np.percentile(second / first, [2.5, 97.5])
    return float(low), float(high)


def _medians(samples: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    series = _thinned(samples)
    count, length = len(series), max(1, round(sqrt(len(series))))
    starts = generator.integers(0, count, (RESAMPLES, ceil(count / length)))
    return np.concatenate([_drawn_medians(series, part, length) for part in np.array_split(starts, PARTS)])


def _drawn_medians(series: NDArray[np.float64], starts: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """(resamples,) medians of the blocks that begin at (resamples, blocks) places."""
    places = (starts[:, :, np.newaxis] + np.arange(length)) % len(series)
    medians: NDArray[np.float64] = np.median(series[places.reshape(len(starts), -1)[:, : len(series)]], axis=1)
    return medians


def _thinned(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(samples) <= MOST_POINTS:
        return samples
    return samples[np.linspace(0, len(samples) - 1, MOST_POINTS).round().astype(np.int64)]


def _shown(value: object) -> str:
    return "not known" if value is None else repr(value)
