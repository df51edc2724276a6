"""Times a call again and again, in the one loop that every measurement here goes through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TypeVar

from runtime.errors import InputRefused

Input = TypeVar("Input")

NS_PER_MS, NS_PER_S = 1e6, 1e9
MAX_SAMPLES = 50_000
"""Of one measurement; at 7 characters each, 27 measurements fit into the largest file we read."""
MAX_SECONDS = 1e6
OVERHEAD_SAMPLES = 1001


@dataclass(frozen=True)
class Rule:
    """Says how long to measure.

    First come `warmup` calls that do not count, then at least `iterations` calls, and calls for at
    least `min_seconds`. After `max_seconds` a slow model ends with fewer samples; None means that
    there is no such limit. At most 50,000 samples are taken.
    """

    warmup: int = 10
    iterations: int = 100
    min_seconds: float = 1.0
    max_seconds: float | None = 30.0

    def __post_init__(self) -> None:
        if self.warmup < 0:
            self._refuse(f"warmup to be a whole number from 0, found {self.warmup!r}")
        whole = isinstance(self.iterations, int)
        if not (whole and 1 <= self.iterations <= MAX_SAMPLES):
            reason = f"a whole number of iterations from 1 to {MAX_SAMPLES}"
            self._refuse(f"{reason}, found {self.iterations!r}")
        for name, seconds in (("min_seconds", self.min_seconds), ("max_seconds", self.max_seconds)):
            if seconds is not None and not 0 <= seconds <= MAX_SECONDS:
                self._refuse(f"{name} from 0 to {MAX_SECONDS:.0f}, found {seconds!r}")
        if self.max_seconds is not None and self.max_seconds < self.min_seconds:
            self._refuse(
                f"max_seconds of at least min_seconds ({self.min_seconds:g}), "
                f"found {self.max_seconds:g}"
            )

    @staticmethod
    def _refuse(reason: str) -> None:
        raise InputRefused("rule", f"expected {reason}")


MLPERF = Rule(warmup=10, iterations=1024, min_seconds=60.0, max_seconds=None)
"""The rule of MLPerf Inference for a single stream: at least 1,024 queries and 60 s."""


def sample(
    call: Callable[[Input], object],
    inputs: Sequence[Input],
    rule: Rule,
    after: Callable[[], None] = lambda: None,
) -> list[float]:
    """Returns the milliseconds of each call, in order, on one of `inputs` after another.

    `after` runs untimed behind each call that counts.
    """
    for number in range(rule.warmup):
        call(inputs[number % len(inputs)])
    samples_ms: list[float] = []
    begin = perf_counter_ns()
    min_ns = rule.min_seconds * NS_PER_S
    max_ns = float("inf") if rule.max_seconds is None else rule.max_seconds * NS_PER_S
    while len(samples_ms) < MAX_SAMPLES:
        value = inputs[len(samples_ms) % len(inputs)]
        start = perf_counter_ns()
        call(value)
        end = perf_counter_ns()
        samples_ms.append(round((end - start) / NS_PER_MS, 4))
        after()
        elapsed_ns = end - begin
        if elapsed_ns >= max_ns:
            break
        if len(samples_ms) >= rule.iterations and elapsed_ns >= min_ns:
            break
    return samples_ms


def overhead_us() -> float:
    """Returns what the loop adds to a sample in us: the median of a call that does nothing."""
    samples_ms = sample(lambda _: None, [None], Rule(100, OVERHEAD_SAMPLES, 0, None))
    return 1000 * sorted(samples_ms)[len(samples_ms) // 2]
