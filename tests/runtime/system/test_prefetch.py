"""Tests that results come in order, a few at a time, and that no thread is left behind."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from runtime.errors import MachineError
from runtime.system import prefetch
from runtime.system.prefetch import ordered_parallel_map


@pytest.mark.parametrize("batch", [1, 3])
def test_results_come_in_the_order_of_the_items_whichever_is_ready_first(batch: int) -> None:
    first = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert first.wait(10)
        if item == 2 * batch:
            first.set()
        return item * item

    with closing(ordered_parallel_map(work, range(20), threads=4, ahead=8, batch=batch)) as results:
        assert [(item, result()) for item, result in results] == [
            (item, item * item) for item in range(20)
        ]


@pytest.mark.parametrize("batch", [1, 4])
def test_no_more_items_are_taken_than_are_to_be_ahead(batch: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    with closing(
        ordered_parallel_map(lambda item: item, items(), threads=2, ahead=5, batch=batch)
    ) as results:
        for count, (item, result) in enumerate(results, 1):
            assert item == result() == count
            assert taken <= count + 5 + batch - 1
            if count == 1000:
                break


def test_with_none_ahead_the_caller_s_thread_works_when_it_wants_a_result() -> None:
    done: list[tuple[int, int]] = []
    results = ordered_parallel_map(
        lambda item: done.append((item, threading.get_ident())),
        iter(range(3)),
        threads=2,
        ahead=0,
    )
    for item, result in results:
        assert len(done) == item
        result()
    assert done == [(item, threading.get_ident()) for item in range(3)]


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_error_of_one_item_is_raised_in_its_turn_and_the_others_have_results(batch: int) -> None:
    with closing(
        ordered_parallel_map(lambda item: 12 // item, [3, 0, 4], threads=2, ahead=3, batch=batch)
    ) as results:
        asked = [result for _, result in results]
    assert (asked[0](), asked[2]()) == (4, 3)
    with pytest.raises(ZeroDivisionError):
        asked[1]()


def test_closing_drops_what_is_not_begun_and_leaves_no_thread() -> None:
    done, threads = [], threading.active_count()
    results = ordered_parallel_map(done.append, range(1000), threads=1, ahead=900)
    next(results)
    results.close()
    assert len(done) < 1000
    assert threading.active_count() == threads


def test_thread_that_cannot_be_started_is_the_machine_s_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full(ThreadPoolExecutor):
        def submit(self, *arguments: object) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor", Full)
    with pytest.raises(MachineError, match=r"can't start new thread: .*ulimit"):
        next(ordered_parallel_map(str, [1], threads=1, ahead=1))


def test_under_a_limit_of_addresses_as_many_threads_work_as_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One too many would die before it starts, and Python would wait for it for ever."""
    monkeypatch.setattr(prefetch, "address_space_left", lambda: 2 * prefetch.THREAD_BYTES + 1)
    both = threading.Barrier(2)

    def work(item: int) -> int:
        both.wait(10)
        return threading.get_ident()

    with closing(ordered_parallel_map(work, range(40), threads=8, ahead=8)) as results:
        assert len({result() for _, result in results}) == 2
    monkeypatch.setattr(prefetch, "address_space_left", lambda: prefetch.THREAD_BYTES - 1)
    with pytest.raises(
        MachineError, match="threads: one needs 10 MB of addresses, and ulimit -v leaves 9 MB"
    ):
        next(ordered_parallel_map(str, range(3), threads=8, ahead=8))
