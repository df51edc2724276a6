"""Counts the processor cores that this process may use; an interpreter gets no more threads."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def allowed_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Returns the cores by affinity and by the smallest CPU quota of this process, at least 1.

    A container or a systemd unit with CPUQuota= sets a quota (rounded up here) through Linux's
    cgroups, version 1 or 2.
    """
    if hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
    else:
        affinity = os.cpu_count() or 1
    quotas = [-(-quota // period) for quota, period in _quotas(cgroups, membership)]
    return max(1, min([affinity, *quotas]))


def _quotas(cgroups: Path, membership: Path) -> Iterator[tuple[int, int]]:
    """Yields (quota, period) in µs for each limit of this process' cgroup and of its parents."""
    for folder in _folders(cgroups, membership):
        for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            try:
                quota, period = (
                    int(number) for file in files for number in (folder / file).read_text().split()
                )
            except (OSError, ValueError):  # there is no such file, or it says "max"
                continue
            if quota > 0 and period > 0:
                yield quota, period


def _folders(cgroups: Path, membership: Path) -> Iterator[Path]:
    """Yields the folders of this process' cgroups and of their parents.

    In a container the path of its cgroup may be the host's. Then only the outermost folder exists,
    which is the container's own.
    """
    try:
        lines = membership.read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    for line in [*lines, "0::/", ":cpu:/"]:
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            cgroup = Path(path.lstrip("/"))
            yield from (cgroups / controllers / folder for folder in (cgroup, *cgroup.parents))
