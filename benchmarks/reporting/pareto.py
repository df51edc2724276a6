"""Finds the model files that no other beats in both latency and accuracy: the Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measurement.records import Measurement, label


@dataclass(frozen=True)
class Point:
    """Holds the fastest median of an artifact, and its accuracy.

    front: whether no other artifact is both as fast and as accurate.
    """

    label: str
    p50_ms: float
    accuracy: float
    front: bool


def fastest(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Returns the measurement with the lowest median of each artifact."""
    best: dict[tuple[str, str], Measurement] = {}
    for measurement in measurements:
        key = (measurement.artifact, measurement.sha256)
        if key not in best or measurement.summary.p50_ms < best[key].summary.p50_ms:
            best[key] = measurement
    return tuple(best.values())


def pareto(measurements: Sequence[Measurement]) -> tuple[Point, ...]:
    """Returns the artifacts whose accuracy is known, the fastest first."""
    rows = [
        (label(measurement, measurements), measurement.summary.p50_ms, measurement.accuracy)
        for measurement in fastest(measurements)
        if measurement.accuracy is not None
    ]
    points = []
    for name, ms, accuracy in sorted(rows, key=lambda row: row[1]):
        beaten = any(
            other_ms <= ms
            and other_accuracy >= accuracy
            and (other_ms, other_accuracy) != (ms, accuracy)
            for _, other_ms, other_accuracy in rows
        )
        points.append(Point(name, ms, accuracy, not beaten))
    return tuple(points)
