"""Limits of memory, one around work that a file made to exhaust it could turn against the machine, and what one set from outside leaves.
And memory that is given back."""

import ctypes
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]


@contextmanager
def limited_memory(extra: int) -> Generator[None, None, None]:
    """Lets this process take `extra` bytes beside what it has; where the system has no such limit, does nothing.

    The limit is RLIMIT_DATA: the kernel holds to it at every allocation, where a watchdog that reads a process' size would come too
    late, and RLIMIT_AS would count the addresses that TensorFlow only reserves.
    """
    before = None
    with suppress(AttributeError, OSError, ValueError, StopIteration):
        before = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (_taken("VmData") + extra, before[1]))
    try:
        yield
    finally:
        if before is not None:
            resource.setrlimit(resource.RLIMIT_DATA, before)


def addresses_left() -> int | None:
    """Bytes of addresses that this process may still take; None without a limit on them (`ulimit -v`, systemd's LimitAS=)."""
    with suppress(AttributeError, OSError, ValueError, StopIteration):
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        return None if limit == resource.RLIM_INFINITY else max(0, limit - _taken("VmSize"))
    return None


def give_back() -> None:
    """Returns to the system what this process has freed and its C library keeps (malloc_trim(3) of glibc; of others nothing)."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _taken(kind: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))
