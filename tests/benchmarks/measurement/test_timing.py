"""Tests the loop that every measurement goes through, with a clock that the calls advance."""

import pytest

from benchmarks.measurement.timing import MLPERF, Rule, overhead_us, sample
from runtime.errors import InputRefused


class Clock:
    """Stands for `perf_counter_ns`."""

    now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, ms: int) -> None:
        self.now_ns += ms * 1_000_000


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("benchmarks.measurement.timing.perf_counter_ns", clock)
    return clock


def test_warm_up_is_apart_and_inputs_take_turns() -> None:
    seen: list[str] = []
    taken = sample(
        seen.append, ["a", "b", "c"], Rule(warmup=2, iterations=4, min_seconds=0, max_seconds=None)
    )
    assert len(taken) == 4
    assert seen == ["a", "b", "a", "b", "c", "a"]


def test_slow_runs_that_warm_up_are_not_in_the_samples(clock) -> None:
    durations = iter([500, 400, 300, 1, 2, 3])
    assert sample(lambda _: clock.advance(next(durations)), [0], Rule(3, 3, 0, None)) == [1, 2, 3]


def test_it_goes_on_for_the_minimum_time_and_ends_at_the_maximum(clock) -> None:
    assert len(sample(lambda _: clock.advance(1), [0], Rule(0, 1, 0.02, None))) == 20
    assert len(sample(lambda _: clock.advance(5), [0], Rule(0, 50_000, 0, 0.02))) == 4


def test_what_follows_a_sample_is_not_timed(clock) -> None:
    samples = sample(
        lambda _: clock.advance(1), [0], Rule(1, 5, 0, None), lambda: clock.advance(100)
    )
    assert samples == [1] * 5


def test_overhead_is_positive_and_below_the_bar() -> None:
    assert 0 < overhead_us() < 20


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": 0},
        {"iterations": 1.5},
        {"warmup": -1},
        {"min_seconds": float("nan")},
        {"min_seconds": 9.0, "max_seconds": 1.0},
    ],
    ids=str,
)
def test_rule_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(InputRefused, match="expected"):
        Rule(**change)


def test_full_rule_is_mlperfs() -> None:
    assert (MLPERF.iterations, MLPERF.min_seconds, MLPERF.max_seconds) == (1024, 60, None)
