"""Chooses the model file and number of threads to use on this machine, from measurements.

They are measured because int8 is not always the fastest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measurement.records import Measurement, threads_text
from benchmarks.measurement.summary import short
from runtime.errors import CheckFailed

MB = 1e6
TIE = 1.05
"""Fewer threads are preferred if the file is at most so many times slower with them.

The other cores stay free then."""
ROUNDING = 1e-9


@dataclass(frozen=True)
class RecommendationLimits:
    """Holds the limits that a choice must keep.

    max_ms: of p90, which is the figure of MLPerf for a single stream.
    max_mb: of the file, in 10**6 bytes.
    max_drop: of accuracy below the best model.
    """

    max_ms: float | None = None
    max_mb: float | None = None
    max_drop: float = 0.01


def recommend(measurements: Sequence[Measurement], limits: RecommendationLimits) -> Measurement:
    """Returns the fastest measurement that keeps the limits.

    Accuracies that are known must be within `max_drop` of the best one.

    Raises:
        CheckFailed: nothing keeps the limits; the reason says by how much each misses.
    """
    accuracies = [measurement.accuracy for measurement in measurements]
    best = max((accuracy for accuracy in accuracies if accuracy is not None), default=None)
    misses = [_misses(measurement, limits, best) for measurement in measurements]
    kept = [measurement for measurement, miss in zip(measurements, misses, strict=True) if not miss]
    if not kept:
        reasons = (
            f"{measurement.artifact}, {threads_text(measurement.threads)}: {', '.join(miss)}"
            for measurement, miss in zip(measurements, misses, strict=True)
        )
        raise CheckFailed("recommend", f"nothing keeps the limits: {'; '.join(reasons)}")
    fastest = min(kept, key=p90_ms)
    ties = [
        measurement
        for measurement in kept
        if measurement.sha256 == fastest.sha256 and p90_ms(measurement) <= TIE * p90_ms(fastest)
    ]
    return min(ties, key=lambda measurement: measurement.threads)


def p90_ms(measurement: Measurement) -> float:
    """Returns p90, or the longest of fewer than 10 samples."""
    summary = measurement.summary
    return summary.max_ms if summary.p90_ms is None else summary.p90_ms


def _misses(
    measurement: Measurement, limits: RecommendationLimits, best: float | None
) -> list[str]:
    """Returns the limits that a measurement does not keep, in words."""
    misses = []
    time_ms, size_mb = p90_ms(measurement), measurement.size_bytes / MB
    if limits.max_ms is not None and time_ms > limits.max_ms:
        misses.append(f"p90 {short(time_ms)} ms, at most {limits.max_ms:g}")
    if limits.max_mb is not None and size_mb > limits.max_mb:
        misses.append(f"{size_mb:.2f} MB, at most {limits.max_mb:g}")
    accuracy = measurement.accuracy
    if best is not None and accuracy is not None and best - accuracy > limits.max_drop + ROUNDING:
        misses.append(f"accuracy {accuracy:.4f}, the best {best:.4f}")
    return misses
