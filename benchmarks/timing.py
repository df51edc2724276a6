"""Times a call again and again: the one loop that every measurement here goes through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TypeVar

from benchmarks.typed import expect_types
from runtime.errors import InputRefused

Input = TypeVar("Input")

NS_PER_MS, NS_PER_S = 1e6, 1e9
MOST_SAMPLES = 50_000
"""Of one measurement: at 7 characters each, 27 measurements stay below what is read back."""
OVERHEAD_SAMPLES = 1001


@dataclass(frozen=True)
class Rule:
    """How long to measure: `warmup` calls that do not count, then `iterations` and no less than `min_seconds`.

    max_seconds: where a slow model would take longer, its samples are fewer; None: there is no such end. At most 50,000 samples are taken.
    """

    warmup: int = 10
    iterations: int = 100
    min_seconds: float = 1.0
    max_seconds: float | None = 30.0

    def __post_init__(self) -> None:
        expect_types(self, "rule")
        if self.warmup < 0:
            raise InputRefused("rule", f"expected warmup to be a whole number from 0, found {self.warmup!r}")
        if not 1 <= self.iterations <= MOST_SAMPLES:
            raise InputRefused("rule", f"expected iterations from 1 to {MOST_SAMPLES}, found {self.iterations!r}")
        for name, seconds in (("min_seconds", self.min_seconds), ("max_seconds", self.max_seconds)):
            if seconds is not None and not 0 <= seconds <= 1e6:
                raise InputRefused("rule", f"expected {name} from 0 to 1000000, found {seconds!r}")
        if self.max_seconds is not None and self.max_seconds < self.min_seconds:
            raise InputRefused("rule", f"expected max_seconds of at least min_seconds ({self.min_seconds:g}), found {self.max_seconds:g}")


MLPERF = Rule(warmup=10, iterations=1024, min_seconds=60.0, max_seconds=None)
"""MLPerf Inference, single stream: at least 1,024 queries and 60 s."""


def sample(call: Callable[[Input], object], inputs: Sequence[Input], rule: Rule, after: Callable[[], None] = lambda: None) -> list[float]:
    """Milliseconds of each call, in order, on one of `inputs` after another; `after` runs untimed behind each call that counts."""
    for number in range(rule.warmup):
        call(inputs[number % len(inputs)])
    taken: list[float] = []
    first = perf_counter_ns()
    least_ns = rule.min_seconds * NS_PER_S
    most_ns = float("inf") if rule.max_seconds is None else rule.max_seconds * NS_PER_S
    while len(taken) < MOST_SAMPLES:
        one = inputs[len(taken) % len(inputs)]
        start = perf_counter_ns()
        call(one)
        end = perf_counter_ns()
        taken.append(round((end - start) / NS_PER_MS, 4))
        after()
        if end - first >= most_ns or (len(taken) >= rule.iterations and end - first >= least_ns):
            break
    return taken


def overhead_us() -> float:
    """What the loop above adds to a sample, in microseconds: the median sample of a call that does nothing."""
    nothing = sample(lambda one: None, [None], Rule(100, OVERHEAD_SAMPLES, 0, None))
    return 1000 * sorted(nothing)[len(nothing) // 2]
