"""How many processor cores this process may use, which is what an interpreter's thread count should never pass."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def allowed_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Cores by affinity and by the least CPU quota of the cgroups that this process is in (rounded up), at least 1.

    A quota is that of a container or of a systemd unit with CPUQuota=; cgroups are Linux's, of version 2 or 1.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affinity, *(-(-quota // period) for quota, period in _quotas(cgroups, membership))]))


def _quotas(cgroups: Path, membership: Path) -> Iterator[tuple[int, int]]:
    """(quota, period) in µs of every limit on this process: of its own cgroup, and of those that this is in."""
    for folder in _folders(cgroups, membership):
        for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            try:
                quota, period = (int(number) for file in files for number in (folder / file).read_text().split())
            except (OSError, ValueError):  # there is none, or it says "max"
                continue
            if quota > 0 and period > 0:
                yield quota, period


def _folders(cgroups: Path, membership: Path) -> Iterator[Path]:
    """In a container the path of its cgroup may be the host's: then only the outermost folder, which is its own, is there."""
    try:
        lines = membership.read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    for line in [*lines, "0::/", ":cpu:/"]:
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            inside = Path(path.lstrip("/"))
            yield from (cgroups / controllers / part for part in (inside, *inside.parents))
