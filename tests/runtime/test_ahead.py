"""runtime.ahead: in order, a few at a time, and nothing left behind."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from runtime import ahead
from runtime.ahead import work_ahead
from runtime.errors import MachineError


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_results_come_in_the_order_of_the_items_whichever_is_ready_first(at_a_time: int) -> None:
    first = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert first.wait(10)
        if item == 2 * at_a_time:
            first.set()
        return item * item

    with closing(work_ahead(work, range(20), threads=4, ahead=8, at_a_time=at_a_time)) as results:
        assert [(item, result()) for item, result in results] == [(item, item * item) for item in range(20)]


@pytest.mark.parametrize("at_a_time", [1, 4])
def test_no_more_items_are_taken_than_are_to_be_ahead(at_a_time: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    with closing(work_ahead(lambda item: item, items(), threads=2, ahead=5, at_a_time=at_a_time)) as results:
        for given, (item, result) in enumerate(results, 1):
            assert item == result() == given
            assert taken <= given + 5 + at_a_time - 1
            if given == 1000:
                break


def test_with_none_ahead_each_is_worked_on_when_asked_for_in_the_thread_that_asks() -> None:
    done: list[tuple[int, int]] = []
    results = work_ahead(lambda item: done.append((item, threading.get_ident())), iter(range(3)), threads=2, ahead=0)
    for item, result in results:
        assert len(done) == item
        result()
    assert done == [(item, threading.get_ident()) for item in range(3)]


@pytest.mark.parametrize("at_a_time", [1, 2, 5])
def test_error_of_one_item_is_raised_in_its_turn_and_the_others_are_done(at_a_time: int) -> None:
    with closing(work_ahead(lambda item: 12 // item, [3, 0, 4], threads=2, ahead=3, at_a_time=at_a_time)) as results:
        asked = [result for _, result in results]
    assert (asked[0](), asked[2]()) == (4, 3)
    with pytest.raises(ZeroDivisionError):
        asked[1]()


def test_closing_drops_what_is_not_begun_and_leaves_no_thread() -> None:
    done, threads = [], threading.active_count()
    results = work_ahead(done.append, range(1000), threads=1, ahead=900)
    next(results)
    results.close()
    assert len(done) < 1000
    assert threading.active_count() == threads


def test_thread_that_cannot_be_started_is_the_machine_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(ThreadPoolExecutor):
        def submit(self, *arguments: object) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor", Full)
    with pytest.raises(MachineError, match=r"can't start new thread: .*ulimit"):
        next(work_ahead(str, [1], threads=1, ahead=1))


def test_under_a_limit_of_addresses_as_many_threads_work_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many dies before it says that it began, for which Python waits for ever."""
    monkeypatch.setattr(ahead, "addresses_left", lambda: 2 * ahead.STACK + 1)
    both = threading.Barrier(2)

    def work(item: int) -> int:
        both.wait(10)
        return threading.get_ident()

    with closing(work_ahead(work, range(40), threads=8, ahead=8)) as results:
        assert len({result() for _, result in results}) == 2
    monkeypatch.setattr(ahead, "addresses_left", lambda: ahead.STACK - 1)
    with pytest.raises(MachineError, match="threads: one needs 10 MB of addresses, and ulimit -v leaves 9 MB"):
        next(work_ahead(str, range(3), threads=8, ahead=8))
