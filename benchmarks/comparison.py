"""Is one latency longer than another, and how surely: the ratio of medians with a bootstrap interval."""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency_report import LatencyReport
from benchmarks.measured import Measurement, label, label_with_threads
from benchmarks.samples import short
from runtime import cli
from runtime.errors import InputRefused

RESAMPLES, SEED = 2000, 7
PARTS = 20
"""In which they are drawn: at once, they would need 160 MB."""
MOST_POINTS = 5000
"""Of a longer series so many, evenly spread, are resampled."""


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
    if old.pair or new.pair:
        raise InputRefused(both, "cannot be compared: in one of them two models shared a process (--pair)")
    for (what, one), (_, other) in zip(_identity(old), _identity(new), strict=True):
        if one != other:
            raise InputRefused(both, f"cannot be compared: {what} {_shown(one)} and {_shown(other)}")
    sides = [{(one.sha256, one.threads): one for one in report.measurements} for report in (old, new)]
    keys = [key for key in sides[0] if key in sides[1]]
    if not keys:
        raise InputRefused(both, f"cannot be compared: {_nothing_in_common(old, new)}")
    return tuple(_ratio(label_with_threads(sides[1][key], new.measurements), sides[0][key], sides[1][key]) for key in keys)


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


def compare_pair(pair: tuple[Measurement, ...]) -> Ratio:
    """The ratio of the second to the first, which were measured in turn: the same moments are drawn of both."""
    old, new = pair
    return _ratio(f"{label(new, pair)} against {label(old, pair)}", old, new, paired=True)


def _ratio(what: str, old: Measurement, new: Measurement, *, paired: bool = False) -> Ratio:
    sides = np.array(old.samples_ms), np.array(new.samples_ms)
    low, high = interval(*sides, paired=paired)
    before, after = (float(np.median(side)) for side in sides)
    return Ratio(what, before, after, after / before, low, high)


def interval(old: NDArray[np.float64], new: NDArray[np.float64], *, paired: bool = False) -> tuple[float, float]:
    """The 95 % interval of median(new) / median(old), by the circular block bootstrap, seeded; paired: the same blocks of both.

    Neighbouring samples are alike (a busy moment lasts for many), so that blocks of sqrt(n) are drawn, not single ones: Politis and
    Romano, "A circular block-resampling procedure for stationary data", 1992.
    """
    generator = np.random.default_rng(SEED)
    first = _medians(old, generator)
    second = _medians(new, np.random.default_rng(SEED) if paired and len(old) == len(new) else generator)
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
