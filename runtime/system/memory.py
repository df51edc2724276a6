"""Limits the memory of this process, reads what a limit leaves, and gives freed memory back."""

import ctypes
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from runtime.system.cgroups import CGROUPS, cgroup_folders, read_file

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

ADDRESSES = "ulimit -v"
NO_LIMIT_BYTES = 2**60
"""Version 1 of cgroups writes a number beyond this where there is no limit."""
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of mallopt(3), from glibc's malloc.h."""
MAX_MMAP_THRESHOLD = 32 * 2**20
"""The largest that glibc accepts, and only on 64-bit machines."""
MADV_HUGEPAGE = 14
"""From Linux's <sys/mman.h>."""
HUGE_PAGE_BYTES = 2 * 2**20
LOADED_SIZES = 3
"""So much of a `.tflite` file's size is surely filled: the file, and its weights as XNNPACK packs
them. At 4, huge pages that stay half empty take 1 MB more than small ones."""
MAX_RESERVED_BYTES = 64 * 2**20
DEFAULT_TOP_PAD, MORE_THAN_FREE = 128 * 1024, 256 * 1024
"""By how much glibc extends its heap at once, and a size that does not fit into the rest of it."""


@contextmanager
def limited_memory(extra_bytes: int) -> Generator[None, None, None]:
    """Lets this process take at most `extra_bytes` more; without such a limit it does nothing.

    The limit is RLIMIT_DATA, which the kernel checks at every allocation. A watchdog that reads the
    size of a process would be too late, and RLIMIT_AS would count the addresses that TensorFlow
    only reserves.
    """
    before = None
    with suppress(AttributeError, OSError, ValueError, StopIteration):
        before = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (_used_bytes("VmData") + extra_bytes, before[1]))
    try:
        yield
    finally:
        if before is not None:
            resource.setrlimit(resource.RLIMIT_DATA, before)


def address_space_left() -> int | None:
    """Returns the bytes of addresses that this process may still take; None without a limit.

    `ulimit -v` and systemd's LimitAS= set such a limit.
    """
    return next((limit.left_bytes for limit in process_limits() if limit.name == ADDRESSES), None)


class MemoryLimit(NamedTuple):
    """A limit of this process's memory, and the bytes that it leaves.

    counts_resident: it counts the memory in use, as a cgroup does; others count addresses.
    """

    name: str
    left_bytes: int
    counts_resident: bool = False


def process_limits() -> list[MemoryLimit]:
    """Returns the limits of this process alone: RLIMIT_AS and RLIMIT_DATA."""
    limits = []
    for name, kind, used in (
        (ADDRESSES, "RLIMIT_AS", "VmSize"),
        ("ulimit -d", "RLIMIT_DATA", "VmData"),
    ):
        with suppress(AttributeError, OSError, ValueError, StopIteration):
            limit = resource.getrlimit(getattr(resource, kind))[0]
            if limit != resource.RLIM_INFINITY:
                limits.append(MemoryLimit(name, max(0, limit - _used_bytes(used))))
    return limits


def memory_left(cgroups: Path = CGROUPS) -> list[MemoryLimit]:
    """Returns the limits of this process and those of its cgroups."""
    limits = process_limits()
    for folder, unified in cgroup_folders("memory", cgroups):
        highest, current = "memory.limit_in_bytes", "memory.usage_in_bytes"
        if unified:
            highest, current = "memory.max", "memory.current"
        with suppress(OSError, ValueError):  # there is no such file, or it says "max"
            limit = int(read_file(f"{folder}/{highest}"))
            if limit < NO_LIMIT_BYTES:
                left = limit - int(read_file(f"{folder}/{current}")) + _reclaimable_bytes(folder)
                limits.append(MemoryLimit("the memory limit of the cgroup", max(0, left), True))
    return limits


def _reclaimable_bytes(folder: str) -> int:
    """Returns the page cache of a cgroup, which the kernel drops before it refuses memory."""
    rows = dict(line.split() for line in read_file(f"{folder}/memory.stat").splitlines())
    return int(rows.get("inactive_file", 0)) + int(rows.get("active_file", 0))


def trim_heap() -> None:
    """Gives memory that this process has freed back to the system, with glibc's malloc_trim(3).

    Other C libraries have no such function.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def reserve_heap(model: Path) -> None:
    """Extends glibc's heap by what a model file will take, in huge pages where Linux offers them.

    A page of 4 kB costs a page fault when it is first used. For a model of 4 MB this saves 2,000
    of 8,500, a thirtieth of the time until `python -m runtime predict` answers. The peak of memory
    is the same. A memory limit would count what is only reserved, so under one this does nothing.
    `keep_freed_memory` follows when the model is loaded.
    """
    if process_limits():
        return
    with suppress(AttributeError, OSError, TypeError):
        size = min(LOADED_SIZES * model.stat().st_size, MAX_RESERVED_BYTES)
        libc = ctypes.CDLL(None)
        libc.malloc.restype = libc.sbrk.restype = ctypes.c_void_p
        if not libc.mallopt(M_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD):
            return
        libc.mallopt(M_TRIM_THRESHOLD, 2 * size)
        libc.mallopt(M_TOP_PAD, size)
        libc.free(ctypes.c_void_p(libc.malloc(MORE_THAN_FREE)))
        end = libc.sbrk(0)
        start = -(end - size) // HUGE_PAGE_BYTES * -HUGE_PAGE_BYTES
        if start < end:
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_HUGEPAGE)
        libc.mallopt(M_TOP_PAD, DEFAULT_TOP_PAD)


def keep_freed_memory() -> None:
    """Lets glibc keep some megabytes that this process frees, for its next image.

    Else it gives them back after each image where nothing lies behind them, and the next one finds
    each page anew: 136 page faults, a sixth of the time of an int8 network at 224 px. The two calls
    go together, because each ends glibc's own adaptation of both values (mallopt(3)). On 32-bit
    machines glibc refuses the first, and all stays as it was.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        if mallopt(M_MMAP_THRESHOLD, 4 * 2**20):
            mallopt(M_TRIM_THRESHOLD, 8 * 2**20)


def _used_bytes(kind: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))
