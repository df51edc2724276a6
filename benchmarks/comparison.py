"""Decides whether one latency is longer than another: the ratio of medians, with an interval."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement.records import Measurement, label, label_with_threads
from benchmarks.measurement.summary import interval_of_median, short
from benchmarks.reporting.result_file import LatencyReport
from runtime.errors import InputRefused
from runtime.shared.wording import counted
from runtime.system.terminal import escape_control_chars

RESAMPLES, SEED = 2000, 7
CHUNKS = 20
"""The resamples are drawn in so many chunks; all at once would need 160 MB."""
MAX_POINTS = 5000
"""A longer series is thinned to so many samples, evenly spread."""
MIN_SAMPLES = 20
"""With fewer samples an interval says nothing."""

Key = tuple[str, int, int]


@dataclass(frozen=True)
class Ratio:
    """Holds the `new` median over the `old` one, with its 95 % interval: above 1 is slower.

    what: the model file and its number of threads.
    """

    what: str
    old_ms: float
    new_ms: float
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low <= 1 <= self.high:
            verdict = "no difference shown"
        else:
            verdict = "slower" if self.ratio > 1 else "faster"
        interval = f"(95 % interval {self.low:.3f} to {self.high:.3f})"
        figures = f"{short(self.old_ms)} -> {short(self.new_ms)} ms, ratio {self.ratio:.3f}"
        return escape_control_chars(f"{self.what}: {figures} {interval}: {verdict}")


def compare_reports(
    old: LatencyReport, new: LatencyReport, names: tuple[str, str]
) -> tuple[Ratio, ...]:
    """Returns the ratio of every model file and thread count that both reports have.

    Args:
        old: the report to compare with.
        new: the report in question.
        names: what errors call them.

    Raises:
        InputRefused: other boards, processors, governors or models, or nothing in common.
    """
    reason = next(_obstacles(old, new), "")
    if reason:
        raise InputRefused(f"{names[0]} and {names[1]}", f"cannot be compared: {reason}")
    old_by_key, new_by_key = _by_key(old), _by_key(new)
    return tuple(
        _ratio(label_with_threads(new_by_key[key], new.measurements), measurement, new_by_key[key])
        for key, measurement in old_by_key.items()
        if key in new_by_key
    )


def in_one_only(old: LatencyReport, new: LatencyReport) -> tuple[list[str], list[str]]:
    """Returns what `compare` leaves out: labels that only `old` has, and that only `new` has."""
    return _missing_in(new, old), _missing_in(old, new)


def _missing_in(reference: LatencyReport, report: LatencyReport) -> list[str]:
    keys = _by_key(reference)
    return [
        label_with_threads(measurement, report.measurements)
        for key, measurement in _by_key(report).items()
        if key not in keys
    ]


def _obstacles(old: LatencyReport, new: LatencyReport) -> Iterator[str]:
    """Yields the reasons why two reports cannot be compared."""
    if old.pair_loads or new.pair_loads:
        yield "in one of them two models shared a process (--interleave)"
    new_identity = _identity(new)
    for name, value in _identity(old).items():
        if value != new_identity[name]:
            yield f"{name} {_shown(value)} and {_shown(new_identity[name])}"
    old_by_key, new_by_key = _by_key(old), _by_key(new)
    common = [key for key in old_by_key if key in new_by_key]
    if not common:
        yield _nothing_in_common(old, new)
    for key in common:
        count = min(side[key].summary.count for side in (old_by_key, new_by_key))
        if count < MIN_SAMPLES:
            samples = f"{counted(count, 'sample')} of {old_by_key[key].artifact}"
            yield f"{samples}; an interval needs {MIN_SAMPLES}"


def _by_key(report: LatencyReport) -> dict[Key, Measurement]:
    """Returns the measurements by model, thread count and a number.

    The number distinguishes measurements of one model that is in several bundles.
    """
    by_key: dict[Key, Measurement] = {}
    for measurement in report.measurements:
        model = (measurement.sha256, measurement.threads)
        same = sum(key[:2] == model for key in by_key)
        by_key[*model, same] = measurement
    return by_key


def _nothing_in_common(old: LatencyReport, new: LatencyReport) -> str:
    hashes = {measurement.artifact: measurement.sha256 for measurement in new.measurements}
    for measurement in old.measurements:
        new_sha256 = hashes.get(measurement.artifact, measurement.sha256)
        if new_sha256 != measurement.sha256:
            both = f"{measurement.sha256[:12]}... and {new_sha256[:12]}..."
            return (
                f"{measurement.artifact} is another model (sha256 {both}); "
                "measure both in one run with latency --interleave"
            )
    listed = [
        "; ".join(
            label_with_threads(measurement, report.measurements)
            for measurement in report.measurements
        )
        for report in (old, new)
    ]
    return (
        "they have no model and number of threads in common: "
        f"{listed[0]} in one, {listed[1]} in the other"
    )


def _identity(report: LatencyReport) -> dict[str, object]:
    """Returns what two reports must have in common, by name."""
    machine = report.before.machine
    return {
        "board": machine.board,
        "processor": machine.cpu_model,
        "cores allowed": machine.cores_allowed,
        "governor": ", ".join(sorted(set(machine.governors))) or None,
    }


def compare_pair(report: LatencyReport) -> Ratio:
    """Compares two models measured in turn: the median ratio of the processes, and its interval.

    Each process loads both models anew. An interval from the samples of one process would be too
    narrow, because they share where their model is in memory: for two copies of one file it
    showed "slower" or "faster" as often as not.
    """
    old, new = report.measurements
    ends = np.cumsum(report.pair_loads)[:-1]
    old_parts, new_parts = (np.split(np.array(side.samples_ms), ends) for side in (old, new))
    ratios = [
        float(np.median(after) / np.median(before))
        for before, after in zip(old_parts, new_parts, strict=True)
    ]
    low, high = interval_of_median(ratios)
    what = f"{label(new, report.measurements)} against {label(old, report.measurements)}"
    return Ratio(what, old.summary.p50_ms, new.summary.p50_ms, float(np.median(ratios)), low, high)


def _ratio(what: str, old: Measurement, new: Measurement) -> Ratio:
    low, high = interval(np.array(old.samples_ms), np.array(new.samples_ms))
    old_ms, new_ms = old.summary.p50_ms, new.summary.p50_ms
    return Ratio(what, old_ms, new_ms, new_ms / old_ms, low, high)


def interval(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the 95 % interval of median(new) / median(old), by a seeded block bootstrap.

    Neighbouring samples are alike, because a busy moment lasts for many samples. So blocks of
    sqrt(n) samples are drawn instead of single ones: Politis and Romano, "A circular
    block-resampling procedure for stationary data", 1992.
    """
    generator = np.random.default_rng(SEED)
    old_medians = _medians(old, generator)
    new_medians = _medians(new, generator)
    low, high = np.percentile(new_medians / old_medians, [2.5, 97.5])
    return float(low), float(high)


def _medians(samples: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    series = _thinned(samples)
    count = len(series)
    length = max(1, round(sqrt(count)))
    starts = generator.integers(0, count, (RESAMPLES, ceil(count / length)))
    chunks = np.array_split(starts, CHUNKS)
    return np.concatenate([_block_medians(series, chunk, length) for chunk in chunks])


def _block_medians(
    series: NDArray[np.float64], starts: NDArray[np.int64], length: int
) -> NDArray[np.float64]:
    """Returns (resamples,) medians of the blocks that begin at the (resamples, blocks) `starts`."""
    positions = (starts[:, :, np.newaxis] + np.arange(length)) % len(series)
    positions = positions.reshape(len(starts), -1)[:, : len(series)]
    medians: NDArray[np.float64] = np.median(series[positions], axis=1)
    return medians


def _thinned(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(samples) <= MAX_POINTS:
        return samples
    return samples[np.linspace(0, len(samples) - 1, MAX_POINTS).round().astype(np.int64)]


def _shown(value: object) -> str:
    return "not known" if value is None else repr(value)
