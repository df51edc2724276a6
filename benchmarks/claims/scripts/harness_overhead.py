"""python -m benchmarks.claims.scripts.harness_overhead BUNDLE

Compares our latency with that of litert-benchmark, and measures what our timing adds to a sample.
Both take the first `.tflite` file of the bundle with one thread, in fresh processes with the same
number of samples; the sides take turns in being the first. A round's ratio is our p50 of a whole
`Classifier.scores` over the median of litert-benchmark. The figure is how far the median ratio is
from 1, in per cent. Rounds go on until that median is known to one per cent, because on a shared
machine two rounds of one program can differ by a third. The model should take a millisecond or
more: litert-benchmark rounds to a hundredth of one.
"""

import sys
from pathlib import Path
from statistics import median

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.measurement.models_under_test import find_models_under_test
from benchmarks.measurement.records import Measurement
from benchmarks.measurement.summary import interval_of_median, short
from benchmarks.measurement.task import Task, measure_in_child
from benchmarks.measurement.timing import Rule
from benchmarks.peers.adapters.litert_benchmark import RUNS, WARMUP, load

THREADS = 1
MIN_ROUNDS, MAX_ROUNDS, PRECISION = 15, 120, 0.01
"""Rounds end early when the 95 % interval of the median ratio is within PRECISION of it."""
BAR_PERCENT, BAR_US = 3.0, 20.0


def main() -> int:
    """Prints both claims; returns 3 if one does not hold."""
    models = find_models_under_test([Path(sys.argv[1])], None, ()).runnable
    tested = next(tested for tested in models if tested.file.suffix == ".tflite")
    images = tuple(str(path.absolute()) for path in tested.images)
    rule = Rule(WARMUP, RUNS, 0, None)
    task = Task(str(tested.source.absolute()), tested.artifact, THREADS, images, rule)
    benchmark = load(str(tested.file), THREADS)
    medians_ms: list[tuple[float, float]] = []
    ratios: list[float] = []
    overheads_us: list[float] = []
    while len(ratios) < MIN_ROUNDS or (len(ratios) < MAX_ROUNDS and _error(ratios) > PRECISION):
        theirs_first = len(ratios) % 2 == 1
        theirs_ms = benchmark("")[1] if theirs_first else 0.0
        ours = Measurement.from_data(measure_in_child(task)["measurement"])
        if not theirs_first:
            theirs_ms = benchmark("")[1]
        medians_ms.append((ours.summary.p50_ms, theirs_ms))
        ratios.append(ours.summary.p50_ms / theirs_ms)
        overheads_us.append(ours.overhead_us)
    shown = ", ".join(f"{short(ours_ms)} {short(theirs_ms)}" for ours_ms, theirs_ms in medians_ms)
    print(f"{tested.file.name}: p50 of ours and theirs, ms: {shown}")
    ratio, (low, high) = median(ratios), interval_of_median(ratios)
    ours_ms, theirs_ms = (median(side) for side in zip(*medians_ms, strict=True))
    unit = (
        f"% away from litert-benchmark's median (ratio {ratio:.4f}, 95 % interval {low:.4f} to "
        f"{high:.4f}; {short(ours_ms)} and {short(theirs_ms)} ms, {len(ratios)} rounds)"
    )
    timer = "us that the timing adds to a sample"
    return print_claims(
        Claim("harness-overhead", 100 * abs(ratio - 1), unit, BAR_PERCENT, least=False),
        Claim("harness-overhead-timer", median(overheads_us), timer, BAR_US, least=False),
    )


def _error(values: list[float]) -> float:
    """Returns how far the 95 % interval of the median reaches."""
    low, high = interval_of_median(values)
    return max(high - median(values), median(values) - low)


if __name__ == "__main__":
    run_claim(__spec__.name, main)
