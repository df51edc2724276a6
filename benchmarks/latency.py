"""Measures targets one after another, each in processes of its own."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.measured import ColdStart, Measurement
from benchmarks.samples import short
from benchmarks.targets import Target, spread
from benchmarks.task import Task, perform
from benchmarks.timing import Rule
from runtime.progress import Progress
from runtime.threads import allowed_cores

COLD_STARTS, ROUNDS = 3, 3
PAIR_LOADS = 12
"""A pair is loaded so often: where a model comes to lie in memory, which is worth some per cent of its latency, is drawn anew each time."""


def default_threads(cores: int) -> tuple[int, ...]:
    """1, 2, 4, ... below the cores allowed, and all of them."""
    return (*(2**power for power in range(cores.bit_length()) if 2**power < cores), cores)


def measured_threads(asked: Sequence[int]) -> tuple[int, ...]:
    """The counts asked for, none above the cores allowed, each once."""
    return tuple(dict.fromkeys(min(threads, allowed_cores()) for threads in asked))


def measure(
    targets: Sequence[Target], threads: Sequence[int], rule: Rule, root: Path, cold_starts: int = COLD_STARTS, step: str = "latency"
) -> tuple[Measurement, ...]:
    """Each target at each number of threads, of `measured_threads`; with so many cold starts, at least one. `step` names the bar.

    Raises:
        QuinceError: what a measuring process met.
    """
    found = []
    with Progress(step, len(targets) * len(threads)) as bar:
        for target in targets:
            for count in threads:
                task = _task(target, count, rule, root)
                cold = [_cold(perform(replace(task, rule=None))) for _ in range(cold_starts - 1)]
                answer = perform(task)
                one = Measurement.from_data(answer["measurement"])
                found.append(replace(one, cold_starts=(*cold, _cold(answer)), model=target.model, accuracy=target.accuracy))
                bar.advance(note=f"{one.artifact} {short(one.summary.p50_ms)} ms")
    return tuple(found)


def measure_in_rounds(targets: Sequence[Target], threads: Sequence[int], rule: Rule, root: Path) -> tuple[Measurement, ...]:
    """The same three times over, with all samples of a target together: what disturbs the machine for a while is shared by all of them.

    Raises:
        QuinceError: what a measuring process met.
    """
    steps = [f"latency round {number} of {ROUNDS}" for number in range(1, ROUNDS + 1)]
    rounds = [measure(targets, threads, rule, root, cold_starts=1, step=step) for step in steps]
    return tuple(map(_together, zip(*rounds, strict=True)))


def measure_pair(
    pair: tuple[Target, Target], threads: int, rule: Rule, root: Path
) -> tuple[tuple[Measurement, Measurement], tuple[int, ...]]:
    """Both in one process, in turn, so that a busy moment hurts both; in 12 processes, in which one and then the other is the first.

    Returns them, and how many samples of each came of each process.

    Raises:
        QuinceError: what a measuring process met.
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
            one, other = pair if number % 2 == 0 else pair[::-1]
            task = replace(_task(one, threads, share, root), other=(str(other.source), other.artifact))
            first, second = (Measurement.from_data(found) for found in perform(task)["pair"])
            loads.append((first, second) if number % 2 == 0 else (second, first))
            bar.advance(note=" and ".join(f"{short(side.summary.p50_ms)} ms" for side in loads[-1]))
    old, new = (
        replace(_together(same), model=target.model, accuracy=target.accuracy)
        for target, same in zip(pair, zip(*loads, strict=True), strict=True)
    )
    return (old, new), tuple(len(first.samples_ms) for first, _ in loads)


def _together(same: Sequence[Measurement]) -> Measurement:
    return replace(
        same[0],
        samples_ms=tuple(chain.from_iterable(one.samples_ms for one in same)),
        invoke_ms=tuple(chain.from_iterable(one.invoke_ms for one in same)),
        cold_starts=tuple(chain.from_iterable(one.cold_starts for one in same)),
    )


def _task(target: Target, threads: int, rule: Rule, root: Path) -> Task:
    pictures = tuple(str(path) for path in spread(target.pictures))
    return Task(str(target.source), target.artifact, threads, pictures, rule, root=str(root), foreign=target.foreign)


def _cold(answer: dict[str, Any]) -> ColdStart:
    return ColdStart(**answer["cold_start"])
