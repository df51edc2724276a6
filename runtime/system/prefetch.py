"""Does work in threads ahead of the caller, in order, and never more than a few items at a time."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from runtime.errors import MachineError
from runtime.system.memory import address_space_left

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")
WorkResult = tuple[Result | None, Exception | None]

THREAD_BYTES = 10 * 2**20
"""Addresses that a thread takes: 8 MB of stack, and what it allocates first.

A thread with fewer dies unseen, and Python waits for it for ever.
"""
SHORT_S = 0.005
"""Longer items go to the threads one by one, so that none waits while a thread is idle."""


def ordered_parallel_map(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    ahead: int,
    batch: int = 1,
) -> Generator[tuple[Item, Callable[[], Result]], None, None]:
    """Yields each item in order, with a function that returns or raises what `work(item)` did.

    Closing the generator drops what has not begun and waits for the rest.

    Args:
        work: is called in the threads.
        items: must be available at once: a pipe or a camera that makes its reader wait would hold
            back earlier results too.
        threads: how many.
        ahead: how many items beyond the current one are taken at most, so that memory stays flat.
            With 0 there are no threads, and `work` runs when its result is wanted.
        batch: how many items a thread takes at once while the work is short, which saves switches
            between threads. Then `batch - 1` more items may be taken.

    Raises:
        MachineError: no thread can be started.
    """
    if not ahead:
        for item in items:
            yield item, partial(work, item)
        return
    # Imported here, because it takes 1.2 % of the instructions of a start of predict.
    from concurrent.futures import ThreadPoolExecutor

    left = address_space_left()
    pool = ThreadPoolExecutor(threads if left is None else _threads_that_fit(threads, left))
    waiting: deque[tuple[list[Item], Callable[[], list[WorkResult[Result]]]]] = deque()
    source = iter(items)
    start, yielded = time.monotonic(), 0
    try:
        while True:
            is_short = time.monotonic() - start < SHORT_S * yielded
            taken = list(islice(source, batch if is_short else 1))
            if taken:
                waiting.append((taken, _submit(pool, partial(_work_results, work), taken)))
            elif not waiting:
                break
            while waiting and (not taken or sum(len(group) for group, _ in waiting) > ahead):
                finished, results = waiting.popleft()
                for index, item in enumerate(finished):
                    yield item, partial(_result, results, index)
                yielded += len(finished)
    except BaseException:  # closed, or interrupted
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _work_results(work: Callable[[Item], Result], items: list[Item]) -> list[WorkResult[Result]]:
    results: list[WorkResult[Result]] = []
    for item in items:
        try:
            results.append((work(item), None))
        except Exception as error:
            results.append((None, error))
    return results


def _result(results: Callable[[], list[WorkResult[Result]]], index: int) -> Result:
    result, error = results()[index]
    if error is not None:
        raise error
    return cast(Result, result)


def _threads_that_fit(threads: int, left: int) -> int:
    if left < THREAD_BYTES:
        raise MachineError(
            "threads",
            f"one needs {THREAD_BYTES >> 20} MB of addresses, and ulimit -v leaves {left >> 20} MB",
        )
    return min(threads, left // THREAD_BYTES)


def _submit(
    pool: "ThreadPoolExecutor", work: Callable[[Item], Result], item: Item
) -> Callable[[], Result]:
    try:
        return pool.submit(work, item).result
    except RuntimeError as error:  # "can't start new thread"
        raise MachineError(
            "threads",
            f"{error}: too little memory, or too few processes allowed (ulimit -v, ulimit -u)",
        ) from error
