"""benchmarks.timing: the loop that every measurement goes through. What is counted, not how fast."""

import pytest

from benchmarks.timing import MLPERF, Rule, overhead_us, sample
from runtime.errors import InputRefused


def test_warm_up_is_apart_and_inputs_take_turns() -> None:
    seen: list[str] = []
    taken = sample(seen.append, ["a", "b", "c"], Rule(warmup=2, iterations=4, min_seconds=0, max_seconds=None))
    assert len(taken) == 4
    assert seen == ["a", "b", "a", "b", "c", "a"]


def test_first_slow_runs_are_not_in_the_samples() -> None:
    """A call that is slow only while it warms up: were one of those counted, a sample would be as long."""
    calls: list[int] = []

    def call(_: int) -> None:
        calls.append(0)
        if len(calls) <= 3:
            sum(range(3_000_000))

    assert max(sample(call, [0], Rule(3, 20, 0, None))) < 0.2 * _ms_of_sum()


def _ms_of_sum() -> float:
    return min(sample(lambda _: sum(range(3_000_000)), [0], Rule(0, 3, 0, None)))


def test_it_goes_on_for_the_least_time_and_ends_at_the_most() -> None:
    assert len(sample(lambda _: None, [0], Rule(0, 1, 0.02, None))) > 100
    assert len(sample(lambda _: sum(range(100_000)), [0], Rule(0, 50_000, 0, 0.02))) < 1000


def test_what_follows_a_sample_is_not_timed() -> None:
    counted: list[int] = []
    taken = sample(lambda _: None, [0], Rule(1, 5, 0, None), lambda: counted.append(sum(range(1_000_000))))
    assert len(counted) == 5
    assert min(taken) < 1


def test_overhead_is_positive_and_below_the_bar() -> None:
    assert 0 < overhead_us() < 20


@pytest.mark.parametrize(
    "change",
    [{"iterations": 0}, {"iterations": 1.5}, {"warmup": -1}, {"min_seconds": float("nan")}, {"min_seconds": 9.0, "max_seconds": 1.0}],
    ids=str,
)
def test_rule_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(InputRefused, match="expected"):
        Rule(**change)


def test_full_rule_is_mlperfs() -> None:
    assert (MLPERF.iterations, MLPERF.min_seconds, MLPERF.max_seconds) == (1024, 60, None)
