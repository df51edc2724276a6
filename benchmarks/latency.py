"""Measures the latency of models one after another, each in processes of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.measurement.conditions import read_conditions
from benchmarks.measurement.models_under_test import ModelUnderTest, spread
from benchmarks.measurement.records import ColdStart, Measurement
from benchmarks.measurement.summary import short
from benchmarks.measurement.task import Task, measure_in_child
from benchmarks.measurement.timing import Rule
from benchmarks.reporting.result_file import LatencyReport
from runtime.errors import InputRefused
from runtime.shared.progress import Progress
from runtime.system.cgroups import allowed_cores

COLD_STARTS, ROUNDS = 3, 3
PAIR_LOADS = 12
"""A pair is loaded in so many processes.

Each process places the model anew in memory, and the place is worth some per cent of latency."""


@dataclass(frozen=True)
class LatencyPlan:
    """Describes what to measure.

    threads: the numbers asked for, before they are limited to the cores allowed.
    root: the machine's state is read below this folder.
    pair: whether two models share the processes and run in turn.
    """

    models: tuple[ModelUnderTest, ...]
    threads: tuple[int, ...]
    rule: Rule
    root: Path
    pair: bool = False

    def __post_init__(self) -> None:
        counts = len(self.models), len(limit_threads(self.threads))
        if self.pair and counts != (2, 1):
            raise InputRefused(
                "--interleave",
                f"expected two model files and one number of threads, found {counts[0]} model files"
                f" and {counts[1]} numbers of threads; choose with --artifact and --threads",
            )


def measure_report(plan: LatencyPlan, name: str, command: str) -> LatencyReport:
    """Measures all that is planned and returns the result with the conditions before and after.

    Raises:
        QuinceError: a measuring process failed.
    """
    before = read_conditions(plan.root)
    measurements: tuple[Measurement, ...]
    threads = limit_threads(plan.threads)
    if plan.pair:
        first, second = plan.models
        measurements, loads = measure_pair((first, second), threads[0], plan.rule, plan.root)
    else:
        measurements, loads = measure_latency(plan.models, threads, plan.rule, plan.root), ()
    return LatencyReport(
        name,
        command,
        plan.rule,
        before,
        read_conditions(plan.root),
        plan.threads,
        measurements,
        loads,
    )


def default_threads(cores: int) -> tuple[int, ...]:
    """Returns 1, 2, 4, ... below the cores allowed, and all cores."""
    return (*(2**power for power in range(cores.bit_length()) if 2**power < cores), cores)


def limit_threads(requested: Sequence[int]) -> tuple[int, ...]:
    """Returns the numbers asked for, each once and none above the cores allowed."""
    return tuple(dict.fromkeys(min(threads, allowed_cores()) for threads in requested))


def measure_latency(
    models: Sequence[ModelUnderTest],
    threads: Sequence[int],
    rule: Rule,
    root: Path,
    cold_starts: int = COLD_STARTS,
    step: str = "latency",
) -> tuple[Measurement, ...]:
    """Measures each model at each number of threads.

    Args:
        models: the models.
        threads: numbers from `limit_threads`.
        rule: how long to measure.
        root: the machine's state is read below this folder.
        cold_starts: processes for each model and number of threads, at least one.
        step: the label of the progress bar.

    Raises:
        QuinceError: a measuring process failed.
    """
    measurements = []
    with Progress(step, len(models) * len(threads)) as bar:
        for tested in models:
            for count in threads:
                task = _task(tested, count, rule, root)
                starts = [
                    _cold_start(measure_in_child(replace(task, rule=None)))
                    for _ in range(cold_starts - 1)
                ]
                answer = measure_in_child(task)
                measurement = replace(
                    Measurement.from_data(answer["measurement"]),
                    cold_starts=(*starts, _cold_start(answer)),
                    model_folder=tested.model,
                    accuracy=tested.accuracy,
                )
                measurements.append(measurement)
                bar.advance(note=f"{measurement.artifact} {short(measurement.summary.p50_ms)} ms")
    return tuple(measurements)


def measure_in_rounds(
    models: Sequence[ModelUnderTest], threads: Sequence[int], rule: Rule, root: Path
) -> tuple[Measurement, ...]:
    """Measures all models three times in turn, and joins the samples of each.

    So all models share what disturbs the machine for a while.

    Raises:
        QuinceError: a measuring process failed.
    """
    steps = [f"latency round {number} of {ROUNDS}" for number in range(1, ROUNDS + 1)]
    rounds = [
        measure_latency(models, threads, rule, root, cold_starts=1, step=step) for step in steps
    ]
    return tuple(map(_join, zip(*rounds, strict=True)))


def measure_pair(
    pair: tuple[ModelUnderTest, ModelUnderTest], threads: int, rule: Rule, root: Path
) -> tuple[tuple[Measurement, Measurement], tuple[int, ...]]:
    """Measures two models in turn in one process, so that a busy moment hurts both.

    They share 12 processes; each of them is the first to be loaded in half of these.

    Returns:
        The measurements, and how many samples of each model came from each process.

    Raises:
        QuinceError: a measuring process failed.
    """
    share = replace(
        rule,
        iterations=-(-rule.iterations // PAIR_LOADS),
        min_seconds=rule.min_seconds / PAIR_LOADS,
        max_seconds=None if rule.max_seconds is None else rule.max_seconds / PAIR_LOADS,
    )
    loads: list[tuple[Measurement, Measurement]] = []
    with Progress("latency of a pair", PAIR_LOADS) as bar:
        for number in range(PAIR_LOADS):
            swapped = number % 2 == 1
            first, second = pair[::-1] if swapped else pair
            task = _task(first, threads, share, root)
            task = replace(task, second=(str(second.source), second.artifact))
            answers = measure_in_child(task)["pair"]
            if swapped:
                answers = answers[::-1]
            old, new = map(Measurement.from_data, answers)
            loads.append((old, new))
            bar.advance(note=" and ".join(f"{short(side.summary.p50_ms)} ms" for side in loads[-1]))
    old, new = (
        replace(_join(same), model_folder=tested.model, accuracy=tested.accuracy)
        for tested, same in zip(pair, zip(*loads, strict=True), strict=True)
    )
    return (old, new), tuple(len(measurement.samples_ms) for measurement, _ in loads)


def _join(same: Sequence[Measurement]) -> Measurement:
    """Returns one measurement with the samples of all, which are of the same model."""
    return replace(
        same[0],
        samples_ms=tuple(chain.from_iterable(part.samples_ms for part in same)),
        invoke_ms=tuple(chain.from_iterable(part.invoke_ms for part in same)),
        cold_starts=tuple(chain.from_iterable(part.cold_starts for part in same)),
    )


def _task(tested: ModelUnderTest, threads: int, rule: Rule, root: Path) -> Task:
    return Task(
        str(tested.source),
        tested.artifact,
        threads,
        tuple(str(path) for path in spread(tested.images)),
        rule,
        root=str(root),
        external=tested.external,
    )


def _cold_start(answer: dict[str, Any]) -> ColdStart:
    return ColdStart(**answer["cold_start"])
