"""Work done ahead of whoever takes its results: in threads, in order, and never more than a few at a time."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from runtime.errors import MachineError
from runtime.memory import addresses_left

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Item = TypeVar("Item")
Done = TypeVar("Done")
Outcome = tuple[Done | None, Exception | None]


STACK = 10 * 2**20
"""Bytes of addresses that a thread takes: 8 MB of stack, and what it begins with. One that has too few for that dies unseen, and Python
waits for it for ever."""
SHORT_S = 0.005
"""Of work, for an item: one that takes longer is not kept waiting behind another while a thread is idle."""


def work_ahead(
    work: Callable[[Item], Done], items: Iterable[Item], *, threads: int, ahead: int, at_a_time: int = 1
) -> Generator[tuple[Item, Callable[[], Done]], None, None]:
    """Each item, and what returns or raises what `work(item)` did, in the order of the items.

    At most `ahead` items beyond the one given are taken, waited for or done, so memory stays flat however many there are. The items
    are to be there already: one that keeps its taker waiting (a pipe, a camera) keeps back the results before it too. Closing the
    generator drops what is not begun and waits for what is. With none ahead there are no threads: the work is done when its result is
    asked for. `at_a_time`: how many items a thread takes at once where the work is short, which spares it the change between threads;
    then as many less one more may be taken ahead.

    Raises:
        MachineError: no thread can be started.
    """
    if not ahead:
        for item in items:
            yield item, partial(work, item)
        return
    from concurrent.futures import ThreadPoolExecutor  # with what it imports, a hundredth of a start of the runtime

    left = addresses_left()
    pool = ThreadPoolExecutor(threads if left is None else _fitting(threads, left))
    waiting: deque[tuple[list[Item], Callable[[], list[Outcome[Done]]]]] = deque()
    source, start, given = iter(items), time.monotonic(), 0
    try:
        while (taken := list(islice(source, at_a_time if time.monotonic() - start < SHORT_S * given else 1))) or waiting:
            if taken:
                waiting.append((taken, _submit(pool, partial(_all, work), taken)))
            while waiting and (not taken or sum(len(batch) for batch, _ in waiting) > ahead):
                batch, outcomes = waiting.popleft()
                for place, item in enumerate(batch):
                    yield item, partial(_outcome, outcomes, place)
                given += len(batch)
    except BaseException:  # closed, or interrupted
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _all(work: Callable[[Item], Done], items: list[Item]) -> list[Outcome[Done]]:
    found: list[Outcome[Done]] = []
    for item in items:
        try:
            found.append((work(item), None))
        except Exception as error:
            found.append((None, error))
    return found


def _outcome(outcomes: Callable[[], list[Outcome[Done]]], place: int) -> Done:
    done, error = outcomes()[place]
    if error is not None:
        raise error
    return cast(Done, done)


def _fitting(threads: int, left: int) -> int:
    if left < STACK:
        raise MachineError("threads", f"one needs {STACK >> 20} MB of addresses, and ulimit -v leaves {left >> 20} MB")
    return min(threads, left // STACK)


def _submit(pool: "ThreadPoolExecutor", work: Callable[[Item], Done], item: Item) -> Callable[[], Done]:
    try:
        return pool.submit(work, item).result
    except RuntimeError as error:  # "can't start new thread"
        raise MachineError("threads", f"{error}: too little memory, or too few processes allowed (ulimit -v, ulimit -u)") from error
