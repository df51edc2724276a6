"""python -m benchmarks.claims.harness_honest BUNDLE: our latency against litert-benchmark's, and what our timing adds to a sample.

Both take the bundle's first `.tflite` file at one thread, in fresh processes, so many samples each, the sides in turn the first; the figure
is the median over the rounds of our p50 of a whole `Classifier.scores` over its median, as per cent away from 1. Rounds go on until that
median is known to a per cent: on a machine shared with others two rounds of one program can differ by a third. The model should take a
millisecond or more: litert-benchmark rounds to a hundredth of one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.claims import Claim, run, show
from benchmarks.measured import Measurement
from benchmarks.samples import interval_of_median, short
from benchmarks.targets import find_targets
from benchmarks.task import Task, perform
from benchmarks.timing import Rule

SAMPLES, WARMUP, THREADS = 200, 10, 1
LEAST_ROUNDS, MOST_ROUNDS, KNOWN_TO = 15, 120, 0.01
"""Rounds end at the second, or where the 95 % interval of the median reaches no further than the third to either side."""
BAR_PERCENT, BAR_US = 3.0, 20.0


def main() -> int:
    """Prints both figures; 3 if one does not hold."""
    targets = [one for one in find_targets([Path(sys.argv[1])], None, ()).targets if one.file.suffix == ".tflite"]
    target = targets[0]
    pictures = tuple(str(path.absolute()) for path in target.pictures)
    task = Task(str(target.source.absolute()), target.artifact, THREADS, pictures, Rule(WARMUP, SAMPLES, 0, None))
    ratios: list[float] = []
    overheads, both = [], []
    while len(ratios) < LEAST_ROUNDS or (len(ratios) < MOST_ROUNDS and _reach(ratios) > KNOWN_TO):
        first = _litert_benchmark(target.file) if len(ratios) % 2 else None
        ours = Measurement.from_data(perform(task)["measurement"])
        theirs = first or _litert_benchmark(target.file)
        both.append((ours.summary.p50_ms, theirs))
        ratios.append(ours.summary.p50_ms / theirs)
        overheads.append(ours.overhead_us)
    print(f"{target.file.name}: p50 of ours and theirs, ms: {', '.join(f'{short(one)} {short(other)}' for one, other in both)}")
    ratio = median(ratios)
    ours_ms, theirs_ms = (median(column) for column in zip(*both, strict=True))
    low, high = interval_of_median(ratios)
    known = f"ratio {ratio:.4f}, 95 % interval {low:.4f} to {high:.4f}; {short(ours_ms)} and {short(theirs_ms)} ms, {len(ratios)} rounds"
    said = f"% away from litert-benchmark's median ({known})"
    return show(
        Claim("harness-honest", 100 * abs(ratio - 1), said, BAR_PERCENT, least=False),
        Claim("harness-honest-overhead", median(overheads), "us that the timing adds to a sample", BAR_US, least=False),
    )


def _reach(values: list[float]) -> float:
    low, high = interval_of_median(values)
    return max(high - median(values), median(values) - low)


def _litert_benchmark(model: Path) -> float:
    """Its median ms."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        words = ["--num_runs", str(SAMPLES), "--warmup_runs", str(WARMUP), "--num_threads", str(THREADS), "--result_json", str(result)]
        command = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model", "--model", str(model), *words]
        subprocess.run(command, check=True, capture_output=True)
        return float(json.loads(result.read_text())["latency"]["median_ms"])


if __name__ == "__main__":
    run(__spec__.name, main)
