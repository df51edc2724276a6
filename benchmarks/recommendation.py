"""Which model file and how many threads to use on this machine: measured, not assumed (int8 is not always the fastest)."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measured import Measurement, threads_text
from benchmarks.samples import short
from runtime.errors import CheckFailed

MB = 1e6
TIE = 1.05
"""Of one model file the fewest threads are taken that are at most so many times slower than its fastest: the others stay free."""


@dataclass(frozen=True)
class Limits:
    """max_ms: of p90, MLPerf's figure for a single stream. max_mb: of the file, 10**6 bytes. max_drop: below the best accuracy."""

    max_ms: float | None = None
    max_mb: float | None = None
    max_drop: float = 0.01


def recommend(measurements: Sequence[Measurement], limits: Limits) -> Measurement:
    """Of what keeps the limits the fastest; where accuracies are known, only of those that lose at most `max_drop` to the best of all.

    Raises:
        CheckFailed: nothing keeps them; the reason says how near each came.
    """
    best = max((one.accuracy for one in measurements if one.accuracy is not None), default=None)
    reasons = {f"{one.artifact}, {threads_text(one.threads)}": list(_against(one, limits, best)) for one in measurements}
    kept = [one for one in measurements if not list(_against(one, limits, best))]
    if not kept:
        raise CheckFailed(
            "recommend", "nothing keeps the limits: " + "; ".join(f"{what}: {', '.join(why)}" for what, why in reasons.items())
        )
    fastest = min(kept, key=p90_ms)
    same = [one for one in kept if one.sha256 == fastest.sha256 and p90_ms(one) <= TIE * p90_ms(fastest)]
    return min(same, key=lambda one: one.threads)


def p90_ms(one: Measurement) -> float:
    """p90, or the highest of fewer than 10 samples."""
    summary = one.summary
    return summary.max_ms if summary.p90_ms is None else summary.p90_ms


def _against(one: Measurement, limits: Limits, best: float | None) -> list[str]:
    found = []
    if limits.max_ms is not None and p90_ms(one) > limits.max_ms:
        found.append(f"p90 {short(p90_ms(one))} ms, at most {limits.max_ms:g}")
    if limits.max_mb is not None and one.size_bytes > limits.max_mb * MB:
        found.append(f"{one.size_bytes / MB:.2f} MB, at most {limits.max_mb:g}")
    if best is not None and one.accuracy is not None and best - one.accuracy > limits.max_drop + 1e-9:
        found.append(f"accuracy {one.accuracy:.4f}, the best {best:.4f}")
    return found
