"""Work done ahead of whoever takes its results: in threads, in order, and never more than a few at a time."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from runtime.errors import MachineError

Item = TypeVar("Item")
Done = TypeVar("Done")


def work_ahead(
    work: Callable[[Item], Done], items: Iterable[Item], *, threads: int, ahead: int
) -> Generator[tuple[Item, Future[Done]], None, None]:
    """Each item and the future of `work(item)`, in the order of the items; the future raises what the work raised.

    At most `ahead` items beyond the one given are taken, waited for or done, so memory stays flat however many there are. The items
    are to be there already: one that keeps its taker waiting (a pipe, a camera) keeps back the results before it too. Closing the
    generator drops what is not begun and waits for what is.

    Raises:
        MachineError: no thread can be started.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[tuple[Item, Future[Done]]] = deque()
    try:
        for item in items:
            waiting.append((item, _submit(pool, work, item)))
            if len(waiting) > ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ThreadPoolExecutor, work: Callable[[Item], Done], item: Item) -> Future[Done]:
    try:
        return pool.submit(work, item)
    except RuntimeError as error:  # "can't start new thread"
        raise MachineError("threads", f"{error}: too little memory, or too few processes allowed (ulimit -v, ulimit -u)") from error
